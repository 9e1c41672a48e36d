package backoff_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
)

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{Policy: backoff.Policy{Base: 100 * time.Millisecond, Max: time.Second}}
		for i, milliseconds := range []int64{100, 200, 400, 800, 1000, 1000} {
			began := time.Now()
			assert.True(t, b.Next(t.Context(), false))
			assert.InDelta(t, milliseconds, time.Since(began).Milliseconds(), float64(milliseconds)/5+1, "attempt %d", i)
		}
		began := time.Now()
		assert.True(t, b.Next(t.Context(), true), "a stream that brought something begins anew")
		assert.LessOrEqual(t, time.Since(began), 120*time.Millisecond)
	})
}

func TestBackoffGivesUpAfterItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{Policy: backoff.Policy{Base: time.Millisecond, Max: time.Second, Attempts: 2}}
		assert.True(t, b.Next(t.Context(), false))
		assert.True(t, b.Next(t.Context(), false))
		assert.False(t, b.Next(t.Context(), false))
		assert.True(t, b.Next(t.Context(), true))
	})
}
