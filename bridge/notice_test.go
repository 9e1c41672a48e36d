package bridge

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

const (
	staleFrame = "event: grpc-stale\ndata: {\"code\":14,\"status\":\"UNAVAILABLE\"}\n\n"
	liveFrame  = "event: grpc-live\ndata: {}\n\n"
)

func TestNoticeTellsOfAGapThatLasts(t *testing.T) {
	tests := map[string]struct {
		gaps []time.Duration // each ends with flowing
		want string
	}{
		"a short gap":   {[]time.Duration{4 * time.Second}, ""},
		"a long gap":    {[]time.Duration{6 * time.Second}, staleFrame + liveFrame},
		"two of each":   {[]time.Duration{time.Second, time.Minute, time.Second, time.Minute}, staleFrame + liveFrame + staleFrame + liveFrame},
		"no gap at all": {nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := pump.NewQueue(1)
				n := &notice{queue: q}
				n.flowing()
				for _, gap := range tt.gaps {
					n.interrupted(ending.Refuse(ending.Unavailable, ending.ByUpstream, ""))
					time.Sleep(gap / 2)
					n.interrupted(ending.Refuse(ending.Internal, ending.ByUpstream, "")) // another attempt fails: the same gap
					time.Sleep(gap / 2)
					n.flowing()
				}
				assert.Equal(t, tt.want, taken(q))
			})
		})
	}
}

func TestNoticeIsSilentOnceStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := pump.NewQueue(1)
		n := &notice{queue: q}
		n.interrupted(ending.Refuse(ending.Unavailable, ending.ByUpstream, ""))
		n.stop()
		time.Sleep(time.Minute)
		assert.Empty(t, taken(q))
	})
}

func TestAStreamThatFoundNoSlotIsTurnedAway(t *testing.T) {
	rt := &route{cfg: &config.Route{}}
	end := rt.notOpened(fmt.Errorf("open: %w", upstream.ErrNoSlot))
	assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the upstream has no room for another stream",
		"retry":true,"reason":"limit"}`, string(end.JSON()))
	require.ErrorIs(t, end.Cause, upstream.ErrNoSlot, "the operator can do something about it")
}

// taken is what waits in a queue.
func taken(q *pump.Queue) string {
	pieces, _ := q.Peek(nil, 0)
	return string(bytes.Join(pieces, nil))
}
