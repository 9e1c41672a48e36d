package frame

import (
	"sync"
	"sync/atomic"
)

// Frame is one block, in every form that was asked for. Its methods may be called concurrently. The bytes that they return
// never change.
type Frame struct {
	plain piece
	data  int // the index in the block at which the data line begins, or -1 where there is none

	gzip, zstd atomic.Pointer[piece]  // nil until that form is made
	linked     atomic.Pointer[linked] // nil until that form is made

	mu       sync.Mutex       // held while a form is made, and by Hold and Release
	holders  []*atomic.Int64  // the sums that count this frame's bytes
	one      [1]*atomic.Int64 // the first memory of holders: mostly there is one
	released bool             // no sum holds the frame any longer, so new forms are not kept
}

// New returns a frame with a copy of a whole block. data is the index at which the only data line begins, or -1 where there is
// none.
func New(block []byte, data int) *Frame {
	f := new(Frame)
	f.Init(block, data)
	return f
}

// Init does the same as New, for a frame that is a part of something else. The frame must be the zero value.
func (f *Frame) Init(block []byte, data int) {
	f.plain, f.data, f.holders = newPiece(block), data, f.one[:0]
}

// Block returns the block itself.
func (f *Frame) Block() []byte { return f.plain.bare() }

// Data returns the index in the block at which the data line begins, or -1 where there is none.
func (f *Frame) Data() int { return f.data }

// Bytes returns the block in a form. The block is compressed at most once in each coding, however many goroutines ask for it.
// The bytes with the framing of a chunk and those without it share their memory. The bytes may follow those of any other frame.
func (f *Frame) Bytes(form Form) []byte {
	p := &f.plain
	if form.Encoding != Identity {
		p = f.compressed(form.Encoding)
	}
	if form.Chunked {
		return p.chunk
	}
	return p.bare()
}

// After returns the block in a form, for a connection whose last bytes are prev's whole block. In gzip the block then refers to
// prev's block. It becomes as small as with an encoder for each connection. On any other connection these bytes decode to wrong
// data without an error: a caller that is not sure of the connection's last bytes uses Bytes.
//
// This form too is made at most once, for the prev of the first call, which is the event before in the log. For another prev,
// and for other codings, After returns what Bytes returns.
func (f *Frame) After(prev *Frame, form Form) []byte {
	if form.Encoding != Gzip {
		return f.Bytes(form)
	}
	l := f.link(prev)
	switch {
	case !l.follows(prev):
		return f.Bytes(form)
	case form.Chunked:
		return l.chunk
	}
	return l.bare()
}

// Line returns the data with its line end, which is an event as a line of NDJSON. It returns nil where the block has no data.
func (f *Frame) Line() []byte {
	if f.data < 0 {
		return nil
	}
	return line(f.Block()[f.data:])
}

// Size returns how many bytes the frame holds now in all its forms.
func (f *Frame) Size() int {
	n := len(f.plain.chunk)
	for _, made := range [...]*piece{f.gzip.Load(), f.zstd.Load()} {
		if made != nil {
			n += len(made.chunk)
		}
	}
	if made := f.linked.Load(); made != nil {
		n += len(made.chunk)
	}
	return n
}

// Hold adds the frame's size to sum. It also adds the size of each form that is made later, until Release is called with the
// same sum. Several sums may hold a frame at the same time: that of a log, and that of a cache of newest values.
func (f *Frame) Hold(sum *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holders = append(f.holders, sum)
	f.released = false
	sum.Add(int64(f.Size()))
}

// Release subtracts from sum what Hold and later forms have added. A frame that is in no sum keeps its forms but no new ones:
// these are made at each call. Without a Hold of the same sum, Release does nothing.
func (f *Frame) Release(sum *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, held := range f.holders {
		if held == sum {
			f.holders = append(f.holders[:i], f.holders[i+1:]...)
			f.released = len(f.holders) == 0
			sum.Add(-int64(f.Size()))
			return
		}
	}
}

// compressed returns the block in a coding other than Identity.
func (f *Frame) compressed(e Encoding) *piece {
	slot := &f.gzip
	if e == Zstd {
		slot = &f.zstd
	}
	if p := slot.Load(); p != nil {
		return p
	}
	f.mu.Lock() // a concurrent caller waits, and then finds the form
	defer f.mu.Unlock()
	if p := slot.Load(); p != nil {
		return p
	}
	p := compressed(e, f.Block(), nil)
	if f.keep(&p) {
		slot.Store(&p)
	}
	return &p
}

// link returns the block in gzip, with references to the first predecessor that was asked for.
func (f *Frame) link(prev *Frame) *linked {
	if l := f.linked.Load(); l != nil {
		return l
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.linked.Load(); l != nil {
		return l
	}
	l := &linked{compressed(Gzip, f.Block(), prev.Block()), prev.plain.chunk}
	if f.keep(&l.piece) {
		f.linked.Store(l)
	}
	return l
}

// keep adds the size of a new form to the sums, and reports whether the frame keeps the form. The lock is held.
func (f *Frame) keep(p *piece) bool {
	for _, sum := range f.holders {
		sum.Add(int64(len(p.chunk)))
	}
	return !f.released
}
