package bridge

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

const (
	interruptedFrame = "event: grpc-interrupted\ndata: {\"code\":14,\"status\":\"UNAVAILABLE\"}\n\n"
	resumedFrame     = "event: grpc-resumed\ndata: {}\n\n"
)

func TestNoticeTellsOfAGapThatLasts(t *testing.T) {
	tests := map[string]struct {
		gaps []time.Duration // each ends with flowing
		want string
	}{
		"a short gap":   {[]time.Duration{4 * time.Second}, ""},
		"a long gap":    {[]time.Duration{6 * time.Second}, interruptedFrame + resumedFrame},
		"two of each":   {[]time.Duration{time.Second, time.Minute, time.Second, time.Minute}, interruptedFrame + resumedFrame + interruptedFrame + resumedFrame},
		"no gap at all": {nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := pump.NewQueue(1)
				n := &notice{queue: q}
				n.flowing()
				for _, gap := range tt.gaps {
					n.interrupted(refuse(codes.Unavailable, byUpstream, ""))
					time.Sleep(gap / 2)
					n.interrupted(refuse(codes.Internal, byUpstream, "")) // another attempt fails: the same gap
					time.Sleep(gap / 2)
					n.flowing()
				}
				assert.Equal(t, tt.want, string(q.Take().Frames))
			})
		})
	}
}

func TestNoticeIsSilentOnceStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := pump.NewQueue(1)
		n := &notice{queue: q}
		n.interrupted(refuse(codes.Unavailable, byUpstream, ""))
		n.stop()
		time.Sleep(time.Minute)
		assert.Empty(t, q.Take().Frames)
	})
}

func TestAStreamThatFoundNoSlotIsTurnedAway(t *testing.T) {
	rt := &route{cfg: &config.Route{}}
	end := rt.notOpened(fmt.Errorf("open: %w", upstream.ErrNoSlot))
	assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the upstream has no room for another stream",
		"retry":true,"reason":"limit"}`, string(end.json(nil)))
	require.ErrorIs(t, end.cause, upstream.ErrNoSlot, "the operator can do something about it")
}

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff{base: 100 * time.Millisecond, max: time.Second}
		for i, milliseconds := range []int64{100, 200, 400, 800, 1000, 1000} {
			began := time.Now()
			assert.True(t, b.next(t.Context(), false))
			assert.InDelta(t, milliseconds, time.Since(began).Milliseconds(), float64(milliseconds)/5+1, "attempt %d", i)
		}
		began := time.Now()
		assert.True(t, b.next(t.Context(), true), "a stream that brought something begins anew")
		assert.LessOrEqual(t, time.Since(began), 120*time.Millisecond)
	})
}

func TestBackoffGivesUpAfterItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff{base: time.Millisecond, max: time.Second, attempts: 2}
		assert.True(t, b.next(t.Context(), false))
		assert.True(t, b.next(t.Context(), false))
		assert.False(t, b.next(t.Context(), false))
		assert.True(t, b.next(t.Context(), true))
	})
}
