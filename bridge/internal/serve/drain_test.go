package serve

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/limit"
)

func TestNoMoreCallersAreAdmittedThanTheLimit(t *testing.T) {
	const most, callers = 5, 200
	d := newDrain()
	var wg sync.WaitGroup
	var mu sync.Mutex
	inside, peak, refused := 0, 0, 0
	for range callers {
		wg.Go(func() {
			end := d.enter(most)
			mu.Lock()
			if end != nil {
				refused++
				assert.Equal(t, ending.ByLimit, end.Reason)
				mu.Unlock()
				return
			}
			inside++
			peak = max(peak, inside)
			mu.Unlock()
			d.admitted.Done()
			mu.Lock()
			inside--
			mu.Unlock()
			d.leave()
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, peak, most)
	assert.Zero(t, d.open)

	for range most {
		require.Nil(t, d.enter(most))
	}
	require.NotNil(t, d.enter(most))
	d.leave()
	require.Nil(t, d.enter(most), "a caller that leaves makes room")
	require.Nil(t, d.enter(0), "0 means no limit")
}

func TestADrainEndsWhenTheLastCallerHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain()
		require.Nil(t, d.enter(0))
		require.Nil(t, d.enter(0))
		by := time.Now().Add(time.Minute)
		d.begin(by)
		d.begin(by.Add(time.Hour))
		assert.Equal(t, by, d.deadline(), "the first call counts")
		end := d.enter(0)
		require.NotNil(t, end)
		assert.Equal(t, ending.ByDrain, end.Reason)
		waited := make(chan error, 1)
		go func() { waited <- d.wait(t.Context()) }()
		d.leave()
		synctest.Wait()
		assert.Empty(t, waited)
		d.leave()
		synctest.Wait()
		require.Len(t, waited, 1)
		assert.NoError(t, <-waited)
		assert.NoError(t, d.wait(t.Context()), "a second call returns at once")
	})
}

func TestADrainWithoutCallersEndsAtOnce(t *testing.T) {
	d := newDrain()
	require.Nil(t, d.enter(0))
	d.leave()
	select {
	case <-d.empty:
		t.Fatal("the drain has not begun")
	default:
	}
	d.begin(time.Now())
	require.NoError(t, d.wait(t.Context()))
}

func TestShutdownReturnsTheCauseOfItsContext(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	require.Nil(t, r.drain.enter(0))
	r.drain.admitted.Done()
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the operator's patience is over")
	cancel(reason)
	require.ErrorIs(t, r.Shutdown(ctx, time.Now()), reason)
	r.drain.leave()
	require.NoError(t, r.Shutdown(t.Context(), time.Now()))
}

// stopAdmitting waits for each admitted caller that has no stream yet. It admits no other caller.
func TestStopAdmittingWaitsForAdmittedCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain()
		require.Nil(t, d.enter(0))
		require.Nil(t, d.enter(0))
		done := make(chan struct{})
		go func() { d.stopAdmitting(); close(done) }()
		synctest.Wait()
		end := d.enter(0)
		require.NotNil(t, end)
		assert.Equal(t, ending.ByDrain, end.Reason)
		d.admitted.Done()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("one is still on its way")
		default:
		}
		d.admitted.Done()
		synctest.Wait()
		<-done
		assert.Equal(t, 2, d.open, "stopAdmitting does not wait for callers that have their stream")
	})
}

func TestTheConfiguredLimitHasPrecedence(t *testing.T) {
	assert.Equal(t, 7, streamLimit(7))
	if files := limit.Descriptors(); files > 0 {
		assert.Less(t, streamLimit(0), files)
		assert.Greater(t, streamLimit(0), files/2)
	} else {
		assert.Zero(t, streamLimit(0))
	}
}

// A closed handler would not end loops that are started later.
func TestNoLoopsAreStartedAfterClose(t *testing.T) {
	r := newRig(t, config.Server{})
	require.NoError(t, r.StartLoops())
	started := r.loops.Load()
	require.NoError(t, r.StartLoops())
	assert.Same(t, started, r.loops.Load(), "the loops are started once")
	r.close()
	r.Handler.Close() // a second time

	closed := newRig(t, config.Server{})
	closed.close()
	require.NoError(t, closed.StartLoops())
	assert.Nil(t, closed.loops.Load())
}

func TestTheObserverIsToldWhichLimitTurnsAClientAway(t *testing.T) {
	r := newRig(t, config.Server{Streams: 1})
	defer r.close()
	r.routes.leadTo(routeTo(t, events(1, nil), nil))
	require.Nil(t, r.drain.enter(0))
	for _, request := range []*http.Request{get(), eventSource(), post()} {
		answer := r.ask(request)
		assert.Contains(t, answer.Body.String(), `"reason":"limit"`)
		assert.Equal(t, "close", answer.Header().Get("Connection"))
	}
	r.drain.admitted.Done()
	r.drain.leave()
	r.ask(get())
	assert.Equal(t, []ending.Limit{ending.Streams, ending.Streams, ending.Streams}, r.counts.limits)
	assert.Equal(t, []ending.Code{ending.ResourceExhausted, ending.ResourceExhausted, ending.ResourceExhausted}, r.counts.refused)
	assert.Equal(t, 1, r.counts.opened, "a request that is turned away is no stream")
}
