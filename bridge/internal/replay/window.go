package replay

import (
	"time"
)

// window holds the newest events of an epoch, in order. A process may have many logs, and then the memory of old events is in no cache:
// appending an event and reading the newest one look at it only where an event is evicted or another segment begins.
type window struct {
	next    uint64    // the offset of the next event
	events  int       // how many events are held
	evicted int       // how many events of the oldest segment are evicted
	oldest  time.Time // when the oldest event was received
	total   int64     // bytes of the blocks of all events of the epoch
	newest  *segment  // the last of the segments

	segments queue[*segment]
	warm     int // how many of the newest segments may have events that were made when they were young
}

// warmAge is how much older than the newest event the events of a segment are at least when what was made for their readers is
// dropped. Readers that keep up have read them by then. So has a reader of slow events, because the newest segments stay as they are.
const warmAge = time.Second

func (w *window) len() int { return w.events }

// first returns the offset of the oldest event, or next where there is none.
func (w *window) first() uint64 { return w.next - uint64(w.events) }

// find returns the segment of the event at an offset, and the event's index there. The event must be held.
func (w *window) find(offset uint64) (s *segment, i int) {
	if offset >= w.newest.first {
		return w.newest, int(offset - w.newest.first)
	}
	i = int(offset-w.first()) + w.evicted
	return *w.segments.at(i / segmentEvents), i % segmentEvents
}

// entry returns the event at an offset. The event must be held.
func (w *window) entry(offset uint64) Entry {
	s, i := w.find(offset)
	return Entry{Offset: offset, place: s.events[i], in: s, event: s.known(i)}
}

// event returns the event at an offset. The event must be held. The lock may be held for reading.
func (w *window) event(offset uint64) *Event {
	s, i := w.find(offset)
	return s.event(i)
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
	s, i := w.find(offset)
	return s.at(i)
}

// id returns the id of the event at an offset. The event must be held.
func (w *window) id(offset uint64) []byte {
	s, i := w.find(offset)
	return s.events[i].id()
}

// subject returns the subject of the event at an offset. The event must be held.
func (w *window) subject(offset uint64) Subject {
	s, i := w.find(offset)
	if s.topics == nil {
		return Subject{}
	}
	return s.topics.of[i]
}

// supersede notes the offset of the event that is the next one with the subject of the event at an offset, which must be held and
// have a subject.
func (w *window) supersede(offset, newer uint64) {
	s, i := w.find(offset)
	s.topics.newer[i] = newer
}

// superseded reports whether a newer event with the subject of the event at an offset is before another offset. The event must be
// held.
func (w *window) superseded(offset, to uint64) bool {
	s, i := w.find(offset)
	if s.topics == nil {
		return false
	}
	newer := s.topics.newer[i]
	return newer != 0 && newer < to
}

// bytes returns how many bytes the blocks have from an offset on. The offset must not be before the first one.
func (w *window) bytes(offset uint64) int64 {
	if offset >= w.next {
		return 0
	}
	s, i := w.find(offset)
	return w.total - s.events[i].before
}

// push adds the newest event to the window of a log.
func (w *window) push(log *Ring, d *Draft) {
	if w.events == 0 {
		w.oldest = d.At
	}
	if w.newest == nil || w.newest.full() {
		w.newest = &segment{
			log: log, epoch: d.Epoch, received: d.At, first: d.Offset, events: make([]place, 0, min(segmentEvents, max(1, w.events))),
		}
		w.segments.push(w.newest)
		w.warm++
	}
	w.newest.add(d, w.total)
	w.total += int64(len(d.Block))
	w.events++
	w.next++
}

// cool drops what was made for the readers of old events: those of full segments that are older than the newest event by an age. It
// does so where n events more need another segment, and looks at one segment more than they add at most: no event waits long, and what
// a burst has left becomes less.
func (w *window) cool(age time.Duration, n int) {
	if w.newest == nil || len(w.newest.events)+n <= segmentEvents {
		return
	}
	newest := w.newest.at(len(w.newest.events) - 1)
	for range 2 + n/segmentEvents {
		if w.warm < 2 {
			return
		}
		s := *w.segments.at(w.segments.len() - w.warm)
		if newest.Sub(s.at(segmentEvents-1)) < age {
			return
		}
		s.forget()
		w.warm--
	}
}

// shift removes the oldest event.
func (w *window) shift() {
	s := *w.segments.at(0)
	s.evict()
	w.events--
	if w.evicted++; w.evicted == segmentEvents {
		w.segments.pop(1)
		w.evicted, w.warm = 0, min(w.warm, w.segments.len())
	}
	if w.events > 0 {
		w.oldest = w.received(w.first())
	}
}
