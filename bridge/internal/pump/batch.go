package pump

import (
	"bytes"
	"time"
)

// batch is what one write to a parked subscriber carries. Each flight has one, and it is filled again and again.
type batch struct {
	pieces [][]byte
	memory [][]byte // the slice that pieces is cut from
	kept   bool     // the first piece is the rest of a piece that an earlier write cut
	before int      // how many pieces at the front are the loop's and not the cursor's
	after  int      // how many pieces at the back are the loop's: 1 where the last one closes the stream
	end    *End     // the end in the last piece; nil where the batch does not close the stream
	ours   bool     // the loop ends the stream, not the cursor
	own    []byte   // the memory of the loop's own pieces

	drained bool // the cursor has passed what it gave for the batch, and nothing follows; see [Drained]
}

// maxPieces is how many pieces one write carries at most. This is the limit of the kernel (UIO_MAXIOV). Events are hardly ever
// so short that batchBytes hold more of them.
const maxPieces = 1024

// fill collects what p is told next. The batch has no pieces where there is nothing.
func (b *batch) fill(p *parked) {
	b.clear()
	switch {
	case p.stage == parting:
		b.resume(p.rest)
		b.ours = true
		b.close(p, p.end, false)
	case len(p.rest) > 0 && p.stage != fresh:
		b.resume(p.rest)
	default:
		b.gather(p)
	}
}

// beat fills the batch with a heartbeat.
func (b *batch) beat(p *parked) {
	b.clear()
	b.own = p.s.heartbeat(b.own)
	b.pieces, b.before = append(b.pieces, b.own), 1
}

// speak fills the batch with the blocks that the control of p says, and returns their size as the control has them.
func (b *batch) speak(p *parked) (size int) {
	b.clear()
	words := p.control.spoken(nil)
	b.own = p.s.Form.Append(b.own, words)
	b.pieces, b.before = append(b.pieces, b.own), 1
	return len(words)
}

// gather fills the batch with the pieces of the cursor. The header of the response and the opening of the stream stand in front of
// them, and the end behind them.
func (b *batch) gather(p *parked) {
	pieces, end := p.cur.Peek(append(b.pieces, nil), batchBytes) // the first piece is the opening
	b.memory = pieces
	if len(pieces) >= maxPieces {
		pieces, end = pieces[:maxPieces-1], nil
	}
	quiet := len(pieces) == 1
	alone := quiet && end != nil && p.stage == fresh
	if end == nil {
		end, b.ours = p.end, true
	}
	if p.stage == fresh {
		b.own = append(b.own, p.rest...)
	}
	if p.stage == fresh && !alone {
		b.own = p.s.opening(b.own, quiet, p.cur)
	}
	if b.pieces = pieces[1:]; len(b.own) > 0 {
		pieces[0] = b.own
		b.pieces, b.before = pieces, 1
	}
	if end != nil {
		b.close(p, end, alone)
	}
}

// clear empties the batch. It keeps memory, but not what was large: there are as many batches as flights.
func (b *batch) clear() {
	clear(b.memory)
	clear(b.pieces)
	if cap(b.memory) > keptBatchPieces {
		b.memory = nil
	}
	if cap(b.own) > keptOwnBytes {
		b.own = nil
	}
	*b = batch{memory: b.memory, pieces: b.memory[:0], own: b.own[:0]}
}

// These are the memory that a batch keeps.
const (
	keptBatchPieces = 64
	keptOwnBytes    = 4 << 10
)

// resume begins the batch with the rest of a piece that was cut.
func (b *batch) resume(rest []byte) {
	if len(rest) > 0 {
		b.pieces = append(b.pieces, rest)
		b.before, b.kept = 1, true
	}
}

// close appends the piece that ends the stream.
func (b *batch) close(p *parked, e *End, alone bool) {
	n := len(b.own)
	b.own = p.s.closing(b.own, *e, alone)
	b.pieces = append(b.pieces, b.own[n:])
	b.after, b.end = 1, e
}

// last reports whether nothing follows the batch.
func (b *batch) last(p *parked) bool { return b.after > 0 || p.stage == last }

func (b *batch) size() (n int) {
	for _, piece := range b.pieces {
		n += len(piece)
	}
	return n
}

// settle notes that the client took the first n bytes at the time now. The cursor passes every piece of which a byte was taken. The rest of a
// piece that was cut is kept and is written first the next time. settle sets drained.
func (b *batch) settle(p *parked, n int, now time.Time) {
	if n == 0 && b.size() > 0 {
		return // the next visit fills the batch again
	}
	p.rest = nil
	written, begun := p.wrote(n), 0
	for ; begun < len(b.pieces) && p.rest == nil; begun++ {
		piece := b.pieces[begun]
		if n == 0 && len(piece) > 0 {
			break
		}
		if n < len(piece) {
			p.rest = b.keep(begun, piece[n:])
		}
		n -= min(n, len(piece))
	}
	events, seen := 0, look{}
	if passed := min(begun, len(b.pieces)-b.after) - b.before; passed > 0 {
		seen = p.s.look(p.cur, p.control, p.events, now)
		events = p.cur.Advance(passed)
		b.drained = drained(p.cur)
	}
	p.s.count(events, written, &seen)
	p.events += events
	p.uptake.wrote(written, events)
	switch {
	case b.after > 0 && begun == len(b.pieces):
		p.stage, p.end = last, b.end
	case b.after > 0 && b.ours:
		p.stage = parting
	case p.stage == fresh:
		p.stage = running
	}
}

// keep returns the rest of a piece, in memory that lasts until the next write. The cursor's pieces last, and so does a rest
// that was kept before. The loop's own pieces are overwritten, so their rest is copied.
func (b *batch) keep(i int, rest []byte) []byte {
	if cursors := i >= b.before && i < len(b.pieces)-b.after; cursors || i == 0 && b.kept {
		return rest
	}
	return bytes.Clone(rest)
}
