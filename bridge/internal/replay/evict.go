package replay

import (
	"sync"
	"time"
)

// view evicts the events that are due and returns the lock, held for reading. next is the offset of the reader's next event. A
// reader whose next event is the newest one, or has not come yet, does not look at the clock: the newest event is always held.
func (r *Ring) view(next uint64) *sync.RWMutex {
	r.mu.RLock()
	if r.due(next) {
		r.mu.RUnlock()
		r.mu.Lock()
		r.evictDue()
		r.mu.Unlock()
		r.mu.RLock()
	}
	return &r.mu
}

// due reports whether the oldest event must be evicted. It looks at the age of that event only where a reader whose next event is
// at next could tell the difference.
func (r *Ring) due(next uint64) bool {
	switch {
	case r.window.len() <= 1:
		return false
	case r.bounds.Bytes > 0 && r.held.Load() > r.bounds.Bytes:
		return true
	case r.bounds.Events > 0 && r.window.len() > r.bounds.Events:
		return true
	}
	return r.bounds.Age > 0 && next+1 < r.window.next && time.Since(r.window.oldest) > r.bounds.Age
}

// evictDue evicts events until the log is within its bounds.
func (r *Ring) evictDue() {
	for r.due(0) {
		r.evict()
	}
}

// evict removes the oldest event.
func (r *Ring) evict() {
	offset := r.window.first()
	r.forgetSubject(offset)
	if offset < r.noted {
		r.forgetID(offset)
	}
	r.window.shift()
}

// forgetID forgets the id of an event that leaves the log, unless a newer event has it. The event was noted.
func (r *Ring) forgetID(offset uint64) {
	id := r.window.id(offset)
	if at, known := r.ids[string(id)]; known && at.newest == offset {
		delete(r.ids, string(id))
	}
}

// drop removes all events. Offsets begin at 0 again.
func (r *Ring) drop() {
	for r.window.len() > 0 {
		r.window.shift()
	}
	r.window, r.ids, r.noted, r.subjects = window{}, map[string]places{}, 0, nil
}
