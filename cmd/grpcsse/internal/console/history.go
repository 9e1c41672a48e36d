package console

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
)

// The history has a sample every 5 seconds, of the last ten minutes.
const (
	Every   = 5 * time.Second
	samples = 120
)

// Sample is what happened within [Every].
type Sample struct {
	At      time.Time             `json:"at"`      // the end of the time
	Open    int64                 `json:"open"`    // the streams that are open at the end
	Opened  int64                 `json:"opened"`  // the streams that have begun
	Events  int64                 `json:"events"`  // the events that were written
	Bytes   int64                 `json:"bytes"`   // the bytes that were written
	Ends    map[bridge.Reason]int `json:"ends"`    // the streams that have ended, by reason
	Refused map[bridge.Reason]int `json:"refused"` // the requests that got no stream, by reason
}

// History is an observer of a bridge that keeps what happened in the last ten minutes. Its methods may be called concurrently.
type History struct {
	bridge.NopObserver

	mu            sync.Mutex
	now           Sample // what happened since the last sample
	ring          []Sample
	events, bytes int64 // of all time, at the last sample
}

// NewHistory returns a history that is empty.
func NewHistory() *History { return &History{now: newSample(0)} }

func newSample(open int64) Sample {
	return Sample{Open: open, Ends: map[bridge.Reason]int{}, Refused: map[bridge.Reason]int{}}
}

// StreamOpened implements [bridge.Observer].
func (h *History) StreamOpened(bridge.StreamOpening) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.Open++
	h.now.Opened++
}

// StreamEnded implements [bridge.Observer].
func (h *History) StreamEnded(s bridge.StreamEnd) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.Open--
	h.now.Ends[s.Reason]++
}

// Refused implements [bridge.Observer].
func (h *History) Refused(r bridge.Refusal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.Refused[r.Reason]++
}

// Run takes a sample of b every 5 seconds, until ctx ends.
func (h *History) Run(ctx context.Context, b interface{ Routes() []bridge.RouteInfo }) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-ticker.C:
			events, bytes := written(b.Routes())
			h.sample(at, events, bytes)
		}
	}
}

// written returns the events and the bytes of all routes. Routes with the same name have the same figures.
func written(routes []bridge.RouteInfo) (events, bytes int64) {
	seen := map[string]bool{}
	for _, r := range routes {
		if !seen[r.Name] {
			seen[r.Name] = true
			events += r.Events
			bytes += r.Bytes
		}
	}
	return events, bytes
}

// sample ends the time of a sample. After a reload that removed a route, the totals may be less than before.
func (h *History) sample(at time.Time, events, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := h.now
	done.At, done.Events, done.Bytes = at.UTC(), max(0, events-h.events), max(0, bytes-h.bytes)
	h.events, h.bytes = events, bytes
	h.now = newSample(done.Open)
	if len(h.ring) == samples {
		h.ring = append(h.ring[:0], h.ring[1:]...)
	}
	h.ring = append(h.ring, done)
}

// Samples returns the samples in their order, the newest last.
func (h *History) Samples() []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Sample, len(h.ring))
	for i, s := range h.ring {
		s.Ends, s.Refused = maps.Clone(s.Ends), maps.Clone(s.Refused)
		out[i] = s
	}
	return out
}
