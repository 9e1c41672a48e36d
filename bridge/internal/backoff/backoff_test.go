package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
)

// requireWait says how long the next attempt is waited for, but for the jitter.
func requireWait(t *testing.T, b *backoff.Backoff, want time.Duration, about string) {
	t.Helper()
	began := time.Now()
	assert.True(t, b.Next(t.Context()))
	assert.InDelta(t, want, time.Since(began), float64(want)/5+1, about)
}

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{Policy: backoff.Policy{Base: 100 * time.Millisecond, Max: time.Second}}
		for i, milliseconds := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			requireWait(t, &b, milliseconds*time.Millisecond, "it doubles")
			assert.Equal(t, i+1, b.Attempt())
			b.Lasted(0)
		}
	})
}

func TestBackoffNeverOverflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{Policy: backoff.Policy{Base: time.Hour, Max: 2 * time.Hour}}
		requireWait(t, &b, time.Hour, "the first")
		for range 100 {
			requireWait(t, &b, 2*time.Hour, "all others")
		}
	})
}

func TestBackoffBeginsAnewBehindAStreamThatStood(t *testing.T) {
	const base = 100 * time.Millisecond
	for name, tt := range map[string]struct {
		max, stood time.Duration
		anew       bool
	}{
		"not at all":                           {time.Second, 0, false},
		"for an event":                         {time.Second, time.Millisecond, false},
		"for almost the longest wait":          {time.Second, time.Second - 1, false},
		"for the longest wait":                 {time.Second, time.Second, true},
		"for almost 10 s, the wait is longer":  {time.Minute, 10*time.Second - 1, false},
		"for 10 s, the wait is longer":         {time.Minute, 10 * time.Second, true},
		"not at all, where nothing is waited":  {0, 0, false},
		"for an hour, where nothing is waited": {0, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := backoff.Backoff{Policy: backoff.Policy{Base: base, Max: tt.max}}
				for range 3 {
					assert.True(t, b.Next(t.Context()))
				}
				b.Lasted(tt.stood)
				want := min(tt.max, 8*base)
				if tt.anew {
					want = min(tt.max, base)
				}
				requireWait(t, &b, want, "the fourth, or the first again")
				assert.Equal(t, tt.anew, b.Attempt() == 1)
			})
		})
	}
}

func TestBackoffGivesUpAfterItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{Policy: backoff.Policy{Base: time.Millisecond, Max: time.Second, Attempts: 2}}
		assert.True(t, b.Next(t.Context()))
		b.Lasted(time.Second / 2) // which brought something
		assert.True(t, b.Next(t.Context()))
		assert.False(t, b.Next(t.Context()))
		assert.False(t, b.Next(t.Context()), "and stays with it")
		b.Lasted(time.Second)
		assert.True(t, b.Next(t.Context()))
	})
}

func TestBackoffEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b := backoff.Backoff{Policy: backoff.Policy{Base: time.Hour, Max: time.Hour}}
		began := time.Now()
		assert.False(t, b.Next(ctx))
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestJitterStaysWithinTwentyPercent(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := backoff.Jitter(10 * time.Second)
		require.GreaterOrEqual(t, d, 8*time.Second)
		require.LessOrEqual(t, d, 12*time.Second)
		seen[d] = true
	}
	assert.Greater(t, len(seen), 100)
}

func TestEarlyIsUpToTwentyPercentLess(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := backoff.Early(10 * time.Second)
		assert.GreaterOrEqual(t, d, 8*time.Second)
		assert.LessOrEqual(t, d, 10*time.Second)
		seen[d] = true
	}
	assert.Greater(t, len(seen), 100)
	assert.Zero(t, backoff.Early(0))
}
