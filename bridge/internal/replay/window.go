package replay

import (
	"math"
	"slices"
)

// window holds the newest events of an epoch, in order. It is a queue in one slice. When half of the slice is empty, the events
// are moved to its front.
type window struct {
	slots []slot // the held events are those from head on
	head  int
	next  uint64 // the offset of the next event
	total int64  // bytes of the blocks of all events of the epoch
}

// slot is the place of an event.
type slot struct {
	event  *Event
	before int64  // bytes of the blocks of all events before this one, since the epoch began
	newer  uint64 // the offset of the next event with the same subject; 0 is none
}

// superseded reports whether a newer event of the same subject is before an offset.
func (s *slot) superseded(to uint64) bool { return s.newer != 0 && s.newer < to }

func (w *window) len() int { return len(w.slots) - w.head }

// first returns the offset of the oldest event, or next where there is none.
func (w *window) first() uint64 { return w.next - uint64(w.len()) }

// at returns the event at an offset. The event must be held.
func (w *window) at(offset uint64) *Event { return w.slot(offset).event }

func (w *window) slot(offset uint64) *slot { return &w.slots[w.head+int(offset-w.first())] }

// from returns up to n slots from an offset on. The offset must not be before the first one.
func (w *window) from(offset uint64, n int) []slot {
	if offset >= w.next {
		return nil
	}
	tail := w.slots[w.head+int(offset-w.first()):]
	return tail[:min(len(tail), max(n, 0))]
}

// between returns the slots from an offset up to another one. The first offset must not be before the first one of the window.
func (w *window) between(offset, to uint64) []slot {
	if to <= offset {
		return nil
	}
	return w.from(offset, int(min(to-offset, math.MaxInt)))
}

// bytes returns how many bytes the blocks have from an offset on. The offset must not be before the first one.
func (w *window) bytes(offset uint64) int64 {
	if offset >= w.next {
		return 0
	}
	return w.total - w.slot(offset).before
}

// push adds the newest event.
func (w *window) push(e *Event) {
	w.slots = append(w.slots, slot{event: e, before: w.total})
	w.total += int64(len(e.Block()))
	w.next++
}

// shift removes the oldest event and returns it.
func (w *window) shift() *Event {
	e := w.slots[w.head].event
	w.slots[w.head] = slot{}
	w.head++
	if held := w.len(); w.head >= held {
		copy(w.slots, w.slots[w.head:])
		clear(w.slots[held:])
		w.slots, w.head = w.slots[:held], 0
		if cap(w.slots) > 4*held+64 {
			w.slots = slices.Clone(w.slots)
		}
	}
	return e
}
