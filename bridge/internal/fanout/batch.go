package fanout

import (
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// batch is what a subscriber was given last, in this order. It lasts until the subscriber has passed part of it.
type batch struct {
	live   *frame.Frame // nil where there is none, as all that follow
	reset  *frame.Frame
	cursor *frame.Frame
	id     string       // what cursor tells of
	retry  *frame.Frame // in front of events
	halved uint8        // what retry tells of
	events []*replay.Event
	prev   *frame.Frame // what the first event can refer to, nil where there is nothing
	size   int          // of their blocks
	stale  *frame.Frame
	gap    uint32 // the number of the gap that stale tells of
}

// batches are empty ones, for a subscriber has one only while it is given something.
var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) empty() bool {
	return b.live == nil && b.reset == nil && b.cursor == nil && len(b.events) == 0 && b.stale == nil
}

// recycle gives back a batch that nobody uses any more.
func (b *batch) recycle() {
	clear(b.events) // an idle subscriber keeps no event that the log has given up
	*b = batch{events: b.events[:0]}
	batches.Put(b)
}

// cut takes the events from n on into account, and takes out those that are too much: it reports whether there were any. The
// first event may be of any size.
func (b *batch) cut(n, limit int) bool {
	for i := n; i < len(b.events); i++ {
		size := len(b.events[i].Block())
		if i > 0 && b.size+size > limit {
			clear(b.events[i:])
			b.events = b.events[:i]
			return true
		}
		b.size += size
	}
	return false
}

// reaches reports whether the log's end is what follows the batch, which was read from a place on and has all that the log
// shows. A log may show an event later than it took it.
func (b *batch) reaches(end, from replay.Position) bool {
	if n := len(b.events); n > 0 { // the last values stand before it
		from.Offset = max(from.Offset, b.events[n-1].Offset+1)
	}
	return end.Epoch == "" || from.Epoch == end.Epoch && from.Offset >= end.Offset
}

// pieces appends to dst the pieces of the batch in a subscriber's form.
func (b *batch) pieces(dst [][]byte, form frame.Form, lines bool) [][]byte {
	notice := func(f *frame.Frame) {
		if f != nil {
			dst = append(dst, f.Bytes(form))
		}
	}
	notice(b.live)
	notice(b.reset)
	notice(b.cursor)
	notice(b.retry)
	prev := b.prev
	for i, e := range b.events {
		if i > 0 {
			prev = nil
			if before := b.events[i-1]; e.Offset == before.Offset+1 {
				prev = before.Frame
			}
		}
		switch {
		case !lines && prev != nil:
			dst = append(dst, e.Frame.After(prev, form))
		case !lines:
			dst = append(dst, e.Frame.Bytes(form))
		case form == frame.Form{}:
			dst = append(dst, e.Frame.Line())
		default: // there are few of them, so it is made for each
			dst = append(dst, form.Append(nil, e.Frame.Line()))
		}
	}
	notice(b.stale)
	return dst
}
