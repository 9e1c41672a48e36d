package frame

import (
	"sync"
	"sync/atomic"
)

// Frame is one finished block, in every form that was asked for. Its methods may be called concurrently, and what they return
// never changes.
type Frame struct {
	plain piece
	data  int // where the data line begins in the block, -1 where there is none

	gzip, zstd atomic.Pointer[piece]  // nil until they are made
	linked     atomic.Pointer[linked] // likewise

	mu       sync.Mutex      // held while a form is made, and by Hold and Release
	holders  []*atomic.Int64 // the sums that count this frame's bytes
	released bool            // was held, and is no longer: forms are not kept
}

// New returns a frame with a copy of a whole block, whose data line begins at data and is the only one; -1 where there is none.
func New(block []byte, data int) *Frame {
	return &Frame{plain: newPiece(block), data: data}
}

// Block returns the block itself.
func (f *Frame) Block() []byte { return f.plain.bare() }

// Data returns where the data line begins in the block, -1 where there is none.
func (f *Frame) Data() int { return f.data }

// Bytes returns the block in a form. It is compressed at most once in each coding, however many ask for it at once, and bytes
// with and without the framing of a chunk are the same memory. What follows on from a form's [Form.Preface] may be any frames.
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

// After returns the block in a form, for a connection on which prev's block stood last, whole and with nothing behind it. In
// gzip it is then compressed with that block before its eyes, and as small as if the connection had an encoder of its own.
// Anywhere else it decodes to something else, and nobody notices: who cannot be sure asks for Bytes.
//
// That is made at most once too, for the first predecessor that is named: a frame's is the event before it in its log. Another
// one, and another coding, has what Bytes returns.
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

// Line returns the data with its line end, nil where the block has none: an event as a line of NDJSON.
func (f *Frame) Line() []byte {
	if f.data < 0 {
		return nil
	}
	return line(f.Block()[f.data:])
}

// Size is how many bytes the frame holds now, in all of its forms.
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

// Hold adds the frame's size to sum, and that of each form that is made later, until Release with the same sum. A frame may be
// held for several sums: by a log, and by a cache of newest values.
func (f *Frame) Hold(sum *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holders = append(f.holders, sum)
	f.released = false
	sum.Add(int64(f.Size()))
}

// Release takes off the sum what Hold and later forms have added to it, once. When nobody holds the frame any more, the forms
// that it has stay; one that is asked for after that is made each time. Without a Hold of the same sum Release does nothing.
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
	f.mu.Lock() // who wants the same form at the same time waits for it
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

// link returns the block in gzip behind the first predecessor that is named.
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

// keep reports whether a form that was made is to be kept, and counts it. The lock is held.
func (f *Frame) keep(p *piece) bool {
	for _, sum := range f.holders {
		sum.Add(int64(len(p.chunk)))
	}
	return !f.released
}
