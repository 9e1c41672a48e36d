package route

import (
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Health is what the bridge knows of the streams of a route, however often the route is compiled. It remembers since when no
// upstream stream could be opened. It is safe for concurrent use.
type Health struct {
	// Meter counts what is written to the clients of the route.
	Meter pump.Meter
	// Upstreams is the number of open upstream streams.
	Upstreams atomic.Int64

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

// FailingSince returns when upstream streams began to fail to open. It returns the zero time where the last one was opened.
func (h *Health) FailingSince() time.Time {
	if since := h.since.Load(); since != nil {
		return *since
	}
	return time.Time{}
}

// FailingFor returns how long upstream streams have failed to open, 0 where the last one was opened.
func (h *Health) FailingFor() time.Duration {
	since := h.since.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}
