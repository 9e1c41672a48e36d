package frame

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Frame is one block, in every form that was asked for. Its methods may be called concurrently. The bytes that they return
// never change.
//
// A process may hold millions of frames, and many are counted by one sum only. So what other sums and the compressed forms take is
// allocated when it is needed.
type Frame struct {
	chunk    []byte // the block in its plain form; see [Piece]
	start    uint8  // where the block begins in the chunk
	released bool   // guarded by mu; no sum holds the frame any longer, so new forms are not kept
	data     int32  // the index in the block at which the data line begins, or -1

	mu     sync.Mutex            // held while a form is made, and by Hold and Release
	holder *atomic.Int64         // guarded by mu; a sum that counts this frame's bytes, or nil
	more   atomic.Pointer[forms] // nil until it is needed; it is set with mu
}

// forms is what few frames have.
type forms struct {
	gzip, zstd atomic.Pointer[Piece]  // nil until that form is made
	linked     atomic.Pointer[linked] // nil until that form is made
	holders    []*atomic.Int64        // guarded by the frame's mu; the other sums that count the frame's bytes
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
	f.Over(newPiece(block), data)
}

// Over does the same as Init for a block that stands in a piece already. The frame shares the piece's memory.
func (f *Frame) Over(p Piece, data int) {
	f.chunk, f.start, f.data = p.chunk, uint8(p.start), int32(data)
}

// Piece returns the block in its plain form.
func (f *Frame) Piece() Piece { return Piece{f.chunk, int(f.start)} }

// Block returns the block itself.
func (f *Frame) Block() []byte { return f.Piece().Block() }

// Data returns the index in the block at which the data line begins, or -1 where there is none.
func (f *Frame) Data() int { return int(f.data) }

// Bytes returns the block in a form. The block is compressed at most once in each coding, however many goroutines ask for it.
// The bytes with the framing of a chunk and those without it share their memory. The bytes may follow those of any other frame.
func (f *Frame) Bytes(form Form) []byte {
	p := f.Piece()
	if form.Encoding != Identity {
		p = f.compressed(form.Encoding)
	}
	return p.Plain(form.Chunked)
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
	if !l.follows(prev) {
		return f.Bytes(form)
	}
	return l.Plain(form.Chunked)
}

// PlainSize returns the [Frame.Size] of a frame that has a block of n bytes in its plain form only.
func PlainSize(n int) int {
	digits := 1
	for rest := n >> 4; rest > 0; rest >>= 4 {
		digits++
	}
	return digits + len(crlf) + n + len(crlf)
}

// Size returns how many bytes the frame holds now in all its forms.
func (f *Frame) Size() int {
	n := len(f.chunk)
	more := f.more.Load()
	if more == nil {
		return n
	}
	for _, made := range [...]*Piece{more.gzip.Load(), more.zstd.Load()} {
		if made != nil {
			n += len(made.chunk)
		}
	}
	if made := more.linked.Load(); made != nil {
		n += len(made.chunk)
	}
	return n
}

// Hold adds the frame's size to sum. It also adds the size of each form that is made later, until Release is called with the
// same sum. Several sums may hold a frame at the same time: that of a log, and that of a cache of newest values.
func (f *Frame) Hold(sum *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holder == nil {
		f.holder = sum
	} else {
		more := f.others()
		more.holders = append(more.holders, sum)
	}
	f.released = false
	sum.Add(int64(f.Size()))
}

// Release subtracts from sum what Hold and later forms have added. A frame that is in no sum keeps its forms but no new ones:
// these are made at each call. Without a Hold of the same sum, Release does nothing.
func (f *Frame) Release(sum *atomic.Int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.forget(sum) {
		return
	}
	more := f.more.Load()
	f.released = f.holder == nil && (more == nil || len(more.holders) == 0)
	sum.Add(-int64(f.Size()))
}

// forget has a sum no longer hold the frame, and reports whether it did. The lock is held.
func (f *Frame) forget(sum *atomic.Int64) bool {
	if f.holder == sum {
		f.holder = nil
		return true
	}
	more := f.more.Load()
	if more == nil {
		return false
	}
	i := slices.Index(more.holders, sum)
	if i >= 0 {
		more.holders = slices.Delete(more.holders, i, i+1)
	}
	return i >= 0
}

// others returns where the frame has what few frames have. The lock is held.
func (f *Frame) others() *forms {
	more := f.more.Load()
	if more == nil {
		more = new(forms)
		f.more.Store(more)
	}
	return more
}

// compressed returns the block in a coding other than Identity.
func (f *Frame) compressed(e Encoding) Piece {
	if p := f.made(e); p != nil {
		return *p
	}
	f.mu.Lock() // a concurrent caller waits, and then finds the form
	defer f.mu.Unlock()
	if p := f.made(e); p != nil {
		return *p
	}
	p := compressed(e, f.Block(), nil)
	if f.keep(&p) {
		f.others().in(e).Store(&p)
	}
	return p
}

// made returns the block in a coding other than Identity, or nil where that form is not made yet.
func (f *Frame) made(e Encoding) *Piece {
	more := f.more.Load()
	if more == nil {
		return nil
	}
	return more.in(e).Load()
}

// in returns the place of the form in a coding.
func (m *forms) in(e Encoding) *atomic.Pointer[Piece] {
	if e == Zstd {
		return &m.zstd
	}
	return &m.gzip
}

// link returns the block in gzip, with references to the first predecessor that was asked for.
func (f *Frame) link(prev *Frame) *linked {
	if l := f.madeLinked(); l != nil {
		return l
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.madeLinked(); l != nil {
		return l
	}
	l := &linked{compressed(Gzip, f.Block(), prev.Block()), prev.chunk}
	if f.keep(&l.Piece) {
		f.others().linked.Store(l)
	}
	return l
}

// madeLinked returns the block in gzip with references, or nil where that form is not made yet.
func (f *Frame) madeLinked() *linked {
	more := f.more.Load()
	if more == nil {
		return nil
	}
	return more.linked.Load()
}

// keep adds the size of a new form to the sums, and reports whether the frame keeps the form. The lock is held.
func (f *Frame) keep(p *Piece) bool {
	size := int64(len(p.chunk))
	if f.holder != nil {
		f.holder.Add(size)
	}
	if more := f.more.Load(); more != nil {
		for _, sum := range more.holders {
			sum.Add(size)
		}
	}
	return !f.released
}
