package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// tape is a stream that keeps what happens to it.
type tape struct {
	began time.Time
	said  []time.Duration
	text  string
	over  time.Duration
	end   *ending.Ending
}

func (s *tape) Say(block []byte) {
	s.said, s.text = append(s.said, time.Since(s.began)), s.text+string(block)
}

func (s *tape) End(e *ending.Ending) { s.over, s.end = time.Since(s.began), e }

func roomWithWarning(ctx context.Context, warn time.Duration) *Room {
	r := &Room{ctx: ctx}
	r.rules.Store(&rules{warn: warn})
	return r
}

func TestACallerIsWarnedAndThenItsStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tape{began: time.Now()}
		g := roomWithWarning(t.Context(), time.Minute).Watch(&Identity{Expires: time.Now().Add(time.Hour), From: config.InQuery}, s)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.NotNil(t, s.end)
		assert.InDelta(t, time.Hour-maxSpread/2, s.over, float64(maxSpread/2))
		assert.Equal(t, ending.ByTokenExpired, s.end.Reason)
		assert.False(t, s.end.Retry)
		require.Len(t, s.said, 1)
		assert.Equal(t, time.Minute, s.over-s.said[0])
		assert.Contains(t, s.text, `{"in":"1m0s"}`)
		g.Stop()
	})
}

func TestALiveStreamIsCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, calls := &tape{began: time.Now()}, []time.Duration{}
		caller := &Identity{Again: 30 * time.Second, Recheck: func(context.Context) *ending.Ending {
			calls = append(calls, time.Since(s.began))
			if len(calls) == 10 {
				return ending.Refuse(ending.PermissionDenied, ending.ByRevoked, "").ComeBack()
			}
			return nil
		}}
		g := roomWithWarning(t.Context(), 0).Watch(caller, s)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, calls, 10, "none after the end")
		for i, at := range calls[1:] {
			assert.LessOrEqual(t, at-calls[i], 30*time.Second)
			assert.GreaterOrEqual(t, at-calls[i], 24*time.Second)
		}
		require.NotNil(t, s.end)
		assert.Equal(t, ending.ByRevoked, s.end.Reason)
		assert.True(t, s.end.Retry)
		g.Stop()
	})
}

// A stream that is over waits for a check that is running, and cancels it.
func TestStoppingAVigilStopsItsCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stopped := &tape{began: time.Now()}, false
		caller := &Identity{Again: time.Second, Expires: time.Now().Add(time.Hour), Recheck: func(ctx context.Context) *ending.Ending {
			<-ctx.Done()
			stopped = true
			return ending.Refuse(ending.PermissionDenied, ending.ByRevoked, "")
		}}
		g := roomWithWarning(t.Context(), 0).Watch(caller, s)
		time.Sleep(2 * time.Second)
		g.Stop()
		assert.True(t, stopped)
		time.Sleep(2 * time.Hour)
		assert.Nil(t, s.end, "nothing happens to a stream that is over")
	})
	assert.Nil(t, roomWithWarning(t.Context(), 0).Watch(nil, nil))
	assert.Nil(t, roomWithWarning(t.Context(), 0).Watch(&Identity{}, nil))
	(*Vigil)(nil).Stop()
}

// A check that takes long does not delay the end of a stream whose token expires.
func TestACheckDoesNotDelayTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tape{began: time.Now()}
		caller := &Identity{Again: time.Second, Expires: time.Now().Add(5 * time.Second), Recheck: func(ctx context.Context) *ending.Ending {
			<-ctx.Done()
			return nil
		}}
		g := roomWithWarning(t.Context(), 0).Watch(caller, s)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NotNil(t, s.end)
		assert.LessOrEqual(t, s.over, 5*time.Second)
		g.Stop()
	})
}
