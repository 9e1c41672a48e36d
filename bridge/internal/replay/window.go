package replay

import (
	"sync/atomic"
	"time"
)

// window holds the newest events of an epoch, in order. Old ones are packed in segments.
type window struct {
	segments queue[*segment]
	evicted  int         // how many events of the oldest segment are evicted
	slots    queue[slot] // the events behind the segments
	next     uint64      // the offset of the next event
	total    int64       // bytes of the blocks of all events of the epoch
	held     *atomic.Int64
}

// slot is the place of an event.
type slot struct {
	event  *Event
	before int64  // bytes of the blocks of all events before this one, since the epoch began
	newer  uint64 // the offset of the next event with the same subject; 0 is none
}

// packAge is how much older than the newest event an event is at least when it is packed. Readers that keep up have read it by then. So
// has a reader of slow events, because as many events as a segment holds are never packed. A log whose events are all younger packs
// none.
const packAge = time.Second

func (w *window) len() int { return w.segments.len()*segmentEvents - w.evicted + w.slots.len() }

// first returns the offset of the oldest event, or next where there is none.
func (w *window) first() uint64 { return w.next - uint64(w.len()) }

// find returns the segment of the event at an offset and the event's index there, or its slot where the segment is nil. The event
// must be held. The slot is valid until the next push or shift.
func (w *window) find(offset uint64) (s *segment, i int, in *slot) {
	packed := w.segments.len() * segmentEvents
	i = int(offset-w.first()) + w.evicted
	if i < packed {
		return *w.segments.at(i / segmentEvents), i % segmentEvents, nil
	}
	return nil, 0, w.slots.at(i - packed)
}

// event returns the event at an offset. The event must be held. The lock may be held for reading.
func (w *window) event(offset uint64) *Event {
	s, i, in := w.find(offset)
	if s == nil {
		return in.event
	}
	evicted := 0
	if s == *w.segments.at(0) {
		evicted = w.evicted
	}
	return s.event(i, evicted, w.held)
}

// end returns the offset behind at most n events from an offset on.
func (w *window) end(from uint64, n int) uint64 {
	if n <= 0 || from >= w.next {
		return from
	}
	return from + min(w.next-from, uint64(n))
}

// received returns when the event at an offset was received. The event must be held.
func (w *window) received(offset uint64) time.Time {
	s, i, in := w.find(offset)
	if s == nil {
		return in.event.At
	}
	return s.at(i)
}

// id returns the id of the event at an offset. The event must be held, and the lock for writing.
func (w *window) id(offset uint64) string {
	s, i, in := w.find(offset)
	if s == nil {
		return in.event.ID
	}
	return s.id(i)
}

// subject returns the subject of the event at an offset. The event must be held.
func (w *window) subject(offset uint64) Subject {
	s, i, in := w.find(offset)
	switch {
	case s == nil:
		return in.event.Subject
	case s.topics == nil:
		return Subject{}
	}
	return s.topics.of[i]
}

// supersede notes the offset of the event that is the next one with the subject of the event at an offset, which must be held and
// have a subject. The lock is held for writing.
func (w *window) supersede(offset, newer uint64) {
	s, i, in := w.find(offset)
	if s == nil {
		in.newer = newer
		return
	}
	s.topics.newer[i] = newer
}

// superseded reports whether a newer event with the subject of the event at an offset is before another offset. The event must be
// held.
func (w *window) superseded(offset, to uint64) bool {
	newer := uint64(0)
	switch s, i, in := w.find(offset); {
	case s == nil:
		newer = in.newer
	case s.topics != nil:
		newer = s.topics.newer[i]
	}
	return newer != 0 && newer < to
}

// bytes returns how many bytes the blocks have from an offset on. The offset must not be before the first one.
func (w *window) bytes(offset uint64) int64 {
	if offset >= w.next {
		return 0
	}
	s, i, in := w.find(offset)
	if s == nil {
		return w.total - in.before
	}
	return w.total - s.bytes(i)
}

// push adds the newest event.
func (w *window) push(e *Event) {
	w.slots.push(slot{event: e, before: w.total})
	w.total += int64(len(e.Block()))
	w.next++
	hold(e, w.held)
}

// pack packs the oldest events where they are older than the newest one by an age. It makes at most one segment more than n events
// fill. So the events that became old while none came are packed in several calls, and none of these takes long.
func (w *window) pack(age time.Duration, n int) {
	for range 1 + n/segmentEvents {
		if w.slots.len() < 2*segmentEvents {
			return
		}
		newest, last := w.slots.at(w.slots.len()-1).event, w.slots.at(segmentEvents-1).event
		if newest.At.Sub(last.At) < age {
			return
		}
		w.segments.push(newSegment(w.slots.oldest(segmentEvents), w.held))
		w.slots.pop(segmentEvents)
	}
}

// shift removes the oldest event.
func (w *window) shift() {
	if w.segments.len() == 0 {
		release(w.slots.at(0).event, w.held)
		w.slots.pop(1)
		return
	}
	(*w.segments.at(0)).release(w.evicted, w.held)
	if w.evicted++; w.evicted == segmentEvents {
		w.segments.pop(1)
		w.evicted = 0
	}
}
