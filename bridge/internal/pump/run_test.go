package pump

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// dangerous is a connection whose writes call do.
type dangerous struct{ do func() }

func (d *dangerous) Write(...[]byte) error { d.do(); return nil }
func (d *dangerous) Abort()                {}
func (d *dangerous) Taken() int            { return 0 }

func TestAPanicReachesTheOneWhoWaits(t *testing.T) {
	failure := errors.New("failure of the program")
	for name, tt := range map[string]struct {
		panics func()
		check  func(t *testing.T, value any)
	}{
		"a text": {func() { panic("explosion") }, func(t *testing.T, value any) {
			err, _ := value.(error)
			assert.ErrorContains(t, err, "explosion\n\n")
			assert.ErrorContains(t, err, "TestAPanicReachesTheOneWhoWaits", "the stack is that of the panic")
			assert.NoError(t, errors.Unwrap(err))
		}},
		"an error": {func() { panic(failure) }, func(t *testing.T, value any) {
			err, _ := value.(error)
			assert.ErrorIs(t, err, failure)
		}},
		"what net/http knows": {func() { panic(http.ErrAbortHandler) }, func(t *testing.T, value any) {
			assert.Equal(t, http.ErrAbortHandler, value)
		}},
		"an uncomparable value": {func() { panic([]int{7}) }, func(t *testing.T, value any) {
			assert.ErrorContains(t, value.(error), "[7]")
		}},
		"the end of the goroutine": {runtime.Goexit, func(t *testing.T, value any) { assert.NotNil(t, value) }},
	} {
		for _, kind := range []struct {
			place string
			first int
			by    Worker
		}{
			{"in the first write, here", 1, Here}, {"in a later write, here", 2, Here},
			{"in the first write, aside", 1, Aside}, {"in a later write, aside", 2, Aside},
		} {
			if name == "the end of the goroutine" && kind.by == Here {
				continue // it ends the one who waits
			}
			t.Run(name+", "+kind.place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					events, writes, done, control := new(tape), 0, false, new(Control)
					conn := &dangerous{do: func() {
						if writes++; writes == kind.first {
							tt.panics()
						}
					}}
					r := Start(conn, &head{tape: events}, patience(), control, kind.by, func(Outcome) { done = true })
					var value any
					waited := make(chan struct{})
					go func() {
						defer close(waited)
						defer func() { value = recover() }()
						r.Wait(context.Background())
					}()
					synctest.Wait()
					events.put("a\n\n")
					<-waited
					tt.check(t, value)
					events.put("b\n\n")
					control.Say([]byte("c\n\n"))
					time.Sleep(time.Hour)
					assert.Equal(t, kind.first, writes, "nothing is written behind a panic")
					assert.False(t, done)
				})
			})
		}
	}
}

func TestAPanicAtTheEndReachesTheOneWhoWaits(t *testing.T) {
	for _, by := range []Worker{Here, Aside} {
		events := new(tape)
		events.finish(End{Ending: because("upstream"), Frame: []byte("end\n\n")})
		r := Start(fakeConn{newClient(), time.Second}, &head{tape: events}, patience(), nil, by, func(Outcome) { panic("report") })
		func() {
			defer func() { assert.ErrorContains(t, recover().(error), "report") }()
			r.Wait(t.Context())
		}()
	}
}

func TestAnIdleStreamHasTheGoroutineThatWaitsAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		events := new(tape)
		s := patience()
		s.MaxAge = time.Hour
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				Start(fakeConn{newClient(), s.WriteTimeout}, &head{tape: events}, s, new(Control), Aside, func(Outcome) {}).Wait(ctx)
			})
		}
		for i := range 3 {
			time.Sleep(20 * time.Second) // with a heartbeat
			events.put(fmt.Sprintf("%d\n\n", i))
			synctest.Wait()
			assertGoroutines(t, 100)
		}
		leave()
		waiting.Wait()
		assertGoroutines(t, 0)
	})
}

// assertGoroutines checks how many goroutines serve streams: n that wait, and no other.
func assertGoroutines(t *testing.T, n int) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	text := string(stacks[:runtime.Stack(stacks, true)])
	assert.Equal(t, n, strings.Count(text, "pump.(*Running).Wait("))
	assert.Equal(t, n, strings.Count(text, "pump.(*Running)."))
}

// careful is a connection that notes writes that overlap.
type careful struct {
	busy     atomic.Bool
	overlaps atomic.Int32
	text     strings.Builder // used by one write at a time
}

func (c *careful) Write(pieces ...[]byte) error {
	if !c.busy.CompareAndSwap(false, true) {
		c.overlaps.Add(1)
		return nil
	}
	for _, p := range pieces {
		c.text.Write(p)
	}
	runtime.Gosched()
	c.busy.Store(false)
	return nil
}
func (c *careful) Abort()     {}
func (c *careful) Taken() int { return 0 }

// Whatever tells a stream that there is something to do, and when: its goroutines follow each other, and nothing is forgotten.
func TestTurnsNeverOverlapAndForgetNothing(t *testing.T) {
	for name, by := range map[string]Worker{"here": Here, "aside": Aside} {
		t.Run(name, func(t *testing.T) { testTurns(t, by) })
	}
}

func testTurns(t *testing.T, by Worker) {
	const events, words = 2000, 200
	conn, q, control := new(careful), NewQueue(1<<10), new(Control)
	s := patience()
	s.Heartbeat = time.Microsecond
	out := make(chan Outcome, 1)
	go Start(conn, q, s, control, by, func(o Outcome) { out <- o }).Wait(t.Context())
	var makers sync.WaitGroup
	makers.Go(func() {
		for i := range events {
			require.NoError(t, q.Push(t.Context(), frame.Form{}, fmt.Appendf(nil, "event %d\n\n", i)))
		}
	})
	makers.Go(func() {
		for i := range words {
			control.Say(fmt.Appendf(nil, "word %d\n\n", i))
			runtime.Gosched()
		}
	})
	makers.Wait()
	q.End(End{Ending: because("upstream"), Frame: []byte("end\n\n")})
	got := <-out
	assert.Equal(t, events, got.Events)
	assert.Zero(t, conn.overlaps.Load())
	next := 0
	for block := range strings.SplitSeq(conn.text.String(), "\n\n") {
		if event, ok := strings.CutPrefix(strings.TrimLeft(block, ":\n"), "event "); ok { // heartbeats stand before it
			require.Equal(t, strconv.Itoa(next), event)
			next++
		}
	}
	assert.Equal(t, events, next)
}
