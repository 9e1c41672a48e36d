package replay

import (
	"sync"
	"time"
)

// view evicts what is due and returns the lock, held for reading. A reader whose next event is the newest one, or none, is not
// made to look at the clock: the newest is always held.
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

// due reports whether the oldest event is to be evicted, as far as it matters to who reads on at next.
func (r *Ring) due(next uint64) bool {
	switch {
	case r.window.len() <= 1:
		return false
	case r.bounds.Bytes > 0 && r.held.Load() > r.bounds.Bytes:
		return true
	case r.bounds.Events > 0 && r.window.len() > r.bounds.Events:
		return true
	}
	return r.bounds.Age > 0 && next+1 < r.window.next && time.Since(r.window.at(r.window.first()).At) > r.bounds.Age
}

// evictDue evicts all that goes over the bounds.
func (r *Ring) evictDue() {
	for r.due(0) {
		r.evict()
	}
}

// evict gives up the oldest event.
func (r *Ring) evict() {
	e := r.window.shift()
	e.Frame.Release(&r.held)
	r.held.Add(-overhead(e))
	if at, known := r.ids[e.ID]; known && at.newest == e.Offset {
		delete(r.ids, e.ID)
	}
}

// drop gives up all events, and counts from 0 again.
func (r *Ring) drop() {
	for r.window.len() > 0 {
		r.evict()
	}
	r.window, r.ids = window{}, map[string]places{}
}

// overhead is what an event takes besides its frame's bytes.
func overhead(e *Event) int64 { return int64(eventBytes + len(e.ID) + len(e.Key)) }
