package auth

import (
	"context"
	"runtime"
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
	r := &Room{ctx: ctx, transport: newTransport(1)}
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

// A stream that is over cancels a check that is running.
func TestStoppingAVigilStopsItsCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stopped := &tape{began: time.Now()}, false
		caller := &Identity{Again: time.Second, Expires: time.Now().Add(time.Hour)}
		caller.Recheck = func(ctx context.Context) *ending.Ending {
			<-ctx.Done()
			stopped = true
			return ending.Refuse(ending.PermissionDenied, ending.ByRevoked, "")
		}
		g := roomWithWarning(t.Context(), 0).Watch(caller, s)
		time.Sleep(2 * time.Second)
		g.Stop()
		synctest.Wait()
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
		caller := &Identity{Again: time.Second, Expires: time.Now().Add(5 * time.Second)}
		caller.Recheck = func(ctx context.Context) *ending.Ending {
			<-ctx.Done()
			return nil
		}
		g := roomWithWarning(t.Context(), 0).Watch(caller, s)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NotNil(t, s.end)
		assert.LessOrEqual(t, s.over, 5*time.Second)
		g.Stop()
	})
}

// A check that takes no notice of its context keeps neither the stream nor its end. The room waits for the check.
func TestACheckThatNeverReturnsKeepsNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release, returned := &tape{began: time.Now()}, make(chan struct{}), false
		r := roomWithWarning(t.Context(), 0)
		g := r.Watch(&Identity{Again: time.Second, Recheck: func(context.Context) *ending.Ending {
			<-release
			returned = true
			return ending.Refuse(ending.PermissionDenied, ending.ByRevoked, "")
		}}, s)
		time.Sleep(time.Minute)
		began := time.Now()
		g.Stop()
		assert.Zero(t, time.Since(began))
		time.AfterFunc(time.Minute, func() { close(release) })
		r.Wait()
		assert.True(t, returned)
		assert.Nil(t, s.end)
	})
}

// Checks are due by the time at which the last one began, so that a slow check delays no revocation.
func TestASlowCheckDelaysNoOther(t *testing.T) {
	for takes, most := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 10 * time.Second: 30 * time.Second, 40 * time.Second: 46 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls []time.Time
			r := roomWithWarning(t.Context(), 0)
			g := r.Watch(&Identity{
				Again: 30 * time.Second, Recheck: func(context.Context) *ending.Ending {
					calls = append(calls, time.Now())
					time.Sleep(takes)
					return nil
				},
			}, &tape{began: time.Now()})
			time.Sleep(10 * time.Minute)
			g.Stop()
			r.Wait()
			require.GreaterOrEqual(t, len(calls), 12)
			for i, at := range calls[1:] {
				assert.LessOrEqual(t, at.Sub(calls[i]), most)
				assert.GreaterOrEqual(t, at.Sub(calls[i]), min(24*time.Second, takes+6*time.Second))
			}
		})
	}
}

// A function of the program that ends its goroutine, as that of a test may, is called again later.
func TestACheckThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, calls := &tape{began: time.Now()}, 0
		r := roomWithWarning(t.Context(), 0)
		g := r.Watch(&Identity{Again: time.Second, Recheck: func(context.Context) *ending.Ending {
			if calls++; calls == 1 {
				runtime.Goexit()
			}
			return ending.Refuse(ending.PermissionDenied, ending.ByRevoked, "")
		}}, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 2, calls)
		require.NotNil(t, s.end)
		g.Stop()
		r.Wait()
	})
}

// A room that is closed begins no more checks.
func TestAClosedRoomChecksNoOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := roomWithWarning(t.Context(), 0)
		g := r.Watch(&Identity{Again: time.Second, Recheck: func(context.Context) *ending.Ending {
			t.Error("a check after the end")
			return nil
		}}, &tape{began: time.Now()})
		r.Wait()
		time.Sleep(time.Minute)
		g.Stop()
	})
}
