package fanout

import (
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// batch is what a subscriber was given by its last Peek, in the order of the fields. A batch lasts until the subscriber
// advances. A nil frame is one that the subscriber is not given.
type batch struct {
	live   *frame.Frame
	reset  *frame.Frame
	cursor *frame.Frame
	id     string       // the id that cursor tells
	retry  *frame.Frame // in front of events
	halved uint8        // how often the reconnection time in retry is halved
	events []replay.Entry
	from   uint64        // the offset from which the log was read; events before it are last values
	prev   *replay.Entry // the event that the first one may refer to; nil is none
	whole  bool          // nothing follows the batch until the watchers are called; false on a catch-up and behind the end
	size   int           // bytes of the blocks of the events
	stale  *frame.Frame
	gap    uint32 // the number of the gap that stale tells of
}

// batches holds empty batches. A subscriber has a batch only from Peek to Advance.
var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) empty() bool {
	return b.live == nil && b.reset == nil && b.cursor == nil && len(b.events) == 0 && b.stale == nil
}

// hasNotices reports whether a notice stands in front of the events.
func (b *batch) hasNotices() bool { return b.live != nil || b.reset != nil || b.retry != nil }

// recycle gives back a batch that is no longer used.
func (b *batch) recycle() {
	clear(b.events) // an idle subscriber must not keep evicted events alive
	*b = batch{events: b.events[:0]}
	batches.Put(b)
}

// batchEvents is how many events a batch has at most. A client that stalls keeps its batch, in which an event of a few bytes takes more
// than these.
const batchEvents = 512

// cut adds the sizes of the events from n on, and removes the events with which the batch would be larger than limit, or would have
// more than batchEvents. It reports whether it removed any. The first event of a batch may be of any size.
func (b *batch) cut(n, limit int) bool {
	for i := n; i < len(b.events); i++ {
		size := len(b.events[i].Block())
		if i > 0 && b.size+size > limit || i >= batchEvents {
			clear(b.events[i:])
			b.events = b.events[:i]
			return true
		}
		b.size += size
	}
	return false
}

// reaches reports whether end is at or before the place behind the batch. The batch was read from a place on, up to what the
// log shows. The log may show an event later than it was appended, so the batch may not reach the end yet.
func (b *batch) reaches(end, from replay.Position) bool {
	if n := len(b.events); n > 0 { // the events may be last values, which are before from
		from.Offset = max(from.Offset, b.events[n-1].Offset+1)
	}
	return end.Epoch == "" || from.Epoch == end.Epoch && from.Offset >= end.Offset
}

// before returns the event to which an event may refer, or nil.
func (b *batch) before(i int) *replay.Entry {
	if i == 0 {
		return b.prev
	}
	prev := &b.events[i-1]
	if prev.Offset >= b.from || b.events[i].Offset == prev.Offset+1 {
		return prev
	}
	return nil
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
	for i := range b.events {
		e := &b.events[i]
		switch prev := b.before(i); {
		case !lines && prev != nil:
			dst = append(dst, e.After(prev, form))
		case !lines:
			dst = append(dst, e.Bytes(form))
		case form == frame.Form{}:
			dst = append(dst, e.Line())
		default: // compressed lines are rare: each is made for one subscriber
			dst = append(dst, form.Append(nil, e.Line()))
		}
	}
	notice(b.stale)
	return dst
}
