// Package backoff spaces attempts to reopen a stream that broke.
package backoff

import (
	"context"
	"time"
)

// Policy says how attempts are spaced: Base before the first one, twice as long before each that follows, up to Max, all with
// jitter. A row of attempts is over when a stream has stood, and not when one has brought something: a server that brings
// one event and fails would be asked for it every Base for ever.
type Policy struct {
	Base, Max time.Duration
	Attempts  int // how many in a row; 0 is no limit
}

// steadyAfter bounds how long a stream must have stood where Max is long.
const steadyAfter = 10 * time.Second

// steady is how long a stream must stand to be taken for one that works: as long as the longest wait, so that a stream that
// breaks again and again is never opened much more often than one that cannot be opened.
func (p Policy) steady() time.Duration { return min(p.Max, steadyAfter) }

// Backoff counts the attempts for one stream. One goroutine uses it.
type Backoff struct {
	Policy

	failed int
}

// Stood says how long the newest attempt's stream has stood: from the upstream's first word, its acceptance or an event, to its
// end; 0 where there was none.
func (b *Backoff) Stood(d time.Duration) {
	if d > 0 && d >= b.steady() {
		b.failed = 0
	}
}

// Reset begins a new row: the newest attempt's stream has ended in good order, which is no failure.
func (b *Backoff) Reset() { b.failed = 0 }

// Attempt is the number of the attempt that the last Next was for, counted from 1 in each row.
func (b *Backoff) Attempt() int { return b.failed }

// Next waits until the next attempt is due. It reports false where there is none: the attempts are used up, or ctx has ended.
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
