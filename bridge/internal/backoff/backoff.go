// Package backoff computes how long to wait between attempts to open a broken stream again.
package backoff

import (
	"context"
	"time"
)

// Policy says how long to wait before each attempt in a row: Base before the first one, and twice as long before each further
// one, up to Max, all with jitter. A row ends when a stream has lasted for some time. An event alone does not end a row: a
// server that fails after each first event would be called every Base for ever.
type Policy struct {
	Base, Max time.Duration
	Attempts  int // how many attempts a row may have; 0 means no limit
}

// maxStable bounds the result of stableAfter where Max is long.
const maxStable = 10 * time.Second

// stableAfter returns how long a stream must last to end a row of attempts. It is the longest wait, so that a stream which
// breaks again and again is not opened much more often than a stream that cannot be opened.
func (p Policy) stableAfter() time.Duration { return min(p.Max, maxStable) }

// Backoff counts the attempts for one stream. One goroutine uses it.
type Backoff struct {
	Policy

	failed int
}

// Lasted records how long the stream of the newest attempt has lasted, from the moment when the upstream accepted it to its
// end. d is 0 where the upstream did not accept the stream.
func (b *Backoff) Lasted(d time.Duration) {
	if d > 0 && d >= b.stableAfter() {
		b.failed = 0
	}
}

// Reset begins a new row of attempts. It is for a stream that has ended in good order.
func (b *Backoff) Reset() { b.failed = 0 }

// Attempt returns the number of the current attempt in its row, counted from 1. It is 0 before the first Next of a row.
func (b *Backoff) Attempt() int { return b.failed }

// Next waits until the next attempt is due. It reports false where the attempts of the row are used up, or ctx has ended.
func (b *Backoff) Next(ctx context.Context) bool {
	if b.Attempts > 0 && b.failed >= b.Attempts {
		return false
	}
	b.failed++
	delay := b.Max
	if doublings := b.failed - 1; doublings < 63 && b.Base <= b.Max>>doublings {
		delay = b.Base << doublings
	}
	timer := time.NewTimer(Jitter(delay))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
