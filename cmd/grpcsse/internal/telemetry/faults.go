package telemetry

import (
	"log/slog"
	"sync"
	"time"
)

// quietFor is how long after a fault no other one is logged.
const quietFor = time.Minute

// faults logs the errors of the exporter: one a minute at most, with the number of those that were not logged. It is safe for
// concurrent use.
type faults struct {
	log *slog.Logger

	mu      sync.Mutex
	logged  time.Time // when the last one was logged
	leftOut int       // how many were not logged since then
}

// Handle implements the ErrorHandler of OpenTelemetry.
func (f *faults) Handle(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if !f.logged.IsZero() && now.Sub(f.logged) < quietFor {
		f.leftOut++
		return
	}
	f.log.Warn("spans cannot be exported", "error", err, "left_out", f.leftOut)
	f.logged, f.leftOut = now, 0
}
