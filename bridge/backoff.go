package bridge

import (
	"context"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// backoff spaces attempts to reopen a stream: base after a stream that brought something, twice as long after each that
// did not, up to max, all with jitter.
type backoff struct {
	base, max time.Duration
	attempts  int // how many in a row; 0 is no limit

	failed int
}

// next waits until the next attempt is due. It reports false where there is none: the attempts are used up, or ctx has
// ended.
func (b *backoff) next(ctx context.Context, progress bool) bool {
	if progress {
		b.failed = 0
	}
	b.failed++
	if b.attempts > 0 && b.failed > b.attempts {
		return false
	}
	delay := b.max
	if doublings := b.failed - 1; doublings < 32 {
		delay = min(b.max, b.base<<doublings)
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
