package route

import (
	"sync/atomic"
	"time"
)

// Health remembers since when a route's opens have failed. It is safe for concurrent use.
type Health struct {
	since atomic.Pointer[time.Time] // nil while opens succeed
}

// Opened says that an upstream stream was opened.
func (h *Health) Opened() {
	if h.since.Load() != nil {
		h.since.Store(nil)
	}
}

// Failed says that an upstream stream could not be opened.
func (h *Health) Failed() {
	now := time.Now()
	h.since.CompareAndSwap(nil, &now)
}

// FailingFor returns how long no upstream stream could be opened, 0 where the newest one was.
func (h *Health) FailingFor() time.Duration {
	since := h.since.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}
