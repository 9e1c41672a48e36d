package route

import (
	"sync/atomic"
	"time"
)

// Health remembers since when no upstream stream of a route could be opened. It is safe for concurrent use.
type Health struct {
	since atomic.Pointer[time.Time] // nil while opens succeed
}

// Opened records that an upstream stream was opened.
func (h *Health) Opened() {
	if h.since.Load() != nil {
		h.since.Store(nil)
	}
}

// Failed records that an upstream stream could not be opened.
func (h *Health) Failed() {
	now := time.Now()
	h.since.CompareAndSwap(nil, &now)
}

// FailingFor returns how long upstream streams have failed to open, 0 where the last one was opened.
func (h *Health) FailingFor() time.Duration {
	since := h.since.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}
