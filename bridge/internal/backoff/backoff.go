// Package backoff spaces attempts to reopen a stream that broke.
package backoff

import (
	"context"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Policy says how attempts are spaced: Base after a stream that brought something, twice as long after each that did not, up
// to Max, all with jitter.
type Policy struct {
	Base, Max time.Duration
	Attempts  int // how many in a row; 0 is no limit
}

// Backoff counts the attempts for one stream. One goroutine uses it.
type Backoff struct {
	Policy

	failed int
}

// Next waits until the next attempt is due; progress says that the last one brought something. It reports false where there
// is none: the attempts are used up, or ctx has ended.
func (b *Backoff) Next(ctx context.Context, progress bool) bool {
	if progress {
		b.failed = 0
	}
	b.failed++
	if b.Attempts > 0 && b.failed > b.Attempts {
		return false
	}
	delay := b.Max
	if doublings := b.failed - 1; doublings < 32 {
		delay = min(b.Max, b.Base<<doublings)
	}
	timer := time.NewTimer(pump.Jitter(delay))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
