package fanout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// A client that is cut off for being slow comes back after the reconnection time that it was told, and resumes: the rate is
// steady, and the log reaches back at least as long as the shortest reconnection time asks for.
func TestWhoWasTooSlowIsBackBeforeTheLogHasGivenUpItsID(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.IntRange(20, 400).Draw(rt, "log")
		reach := time.Duration(rapid.IntRange(2_000, 60_000).Draw(rt, "reaches back, ms")) * time.Millisecond
		route := time.Duration(rapid.IntRange(500, 20_000).Draw(rt, "retry, ms")) * time.Millisecond
		var err error
		synctest.Test(t, func(t *testing.T) { err = slowAndBack(t, events, reach, route) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// slowAndBack has a client read a stream for a while, take nothing, and come back.
func slowAndBack(t *testing.T, events int, reach, route time.Duration) error {
	s := fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: events}, Retry: route, Linger: time.Hour}
	w := newWorld(t, fanout.NewRegistry(t.Context(), fanout.Limits{}), s)
	defer w.close()
	c, up := w.live()
	told := retryOf(fmt.Sprintf("retry: %d\n", (route * 6 / 5).Milliseconds())) // as its response began, jittered as much as may be
	sent := 0
	tick := func() error {
		time.Sleep(reach / time.Duration(events))
		sent++
		return up.send(fmt.Sprintf("e%d#%d", sent, sent))
	}
	for range 2 * events {
		if err := tick(); err != nil {
			return err
		}
		pieces, _ := c.Peek(nil, testLimit)
		for _, p := range pieces {
			if d := retryOf(string(p)); d > 0 {
				told = d * 6 / 5 // it was jittered once
			}
			c.textOf(string(p))
		}
		c.Advance(len(pieces))
	}
	cut := time.Now()
	for stuck := cut; time.Since(stuck) < 250*time.Millisecond || !c.Overdue(); {
		if err := tick(); err != nil {
			return err
		}
	}
	at := sent
	c.Close()
	for cut = time.Now(); time.Since(cut) < told; {
		if err := tick(); err != nil {
			return err
		}
	}
	back := w.join(from(c.lastID))
	got := slices.DeleteFunc(back.read(), func(text string) bool { return text == "" }) // a reconnection time
	if want := fmt.Sprintf("e%d", 2*events+1); len(got) == 0 || got[0] != want {
		return fmt.Errorf("told to come back after %v at most, cut at %d, back at %d: expected %s first, found %v", told, at, sent, want, got[:min(len(got), 2)])
	}
	return nil
}

// retryOf returns the reconnection time of a piece that is nothing else, 0 for another one.
func retryOf(piece string) time.Duration {
	var ms int
	if !strings.HasPrefix(piece, "retry: ") || strings.Count(piece, "\n") != 1 {
		return 0
	}
	_, _ = fmt.Sscanf(piece, "retry: %d\n", &ms)
	return time.Duration(ms) * time.Millisecond
}

func TestAShorterReconnectionTimeIsToldOnceInFrontOfAnEvent(t *testing.T) {
	for name, tc := range map[string]struct {
		settings fanout.Settings
		newcomer fanout.Newcomer
		tells    bool
	}{
		"cut off when slow":        {fanout.Settings{Retry: 4 * time.Second}, fanout.Newcomer{}, true},
		"skips when slow":          {fanout.Settings{Retry: 4 * time.Second, Skip: true}, fanout.Newcomer{}, false},
		"told none":                {fanout.Settings{}, fanout.Newcomer{}, false},
		"told the shortest":        {fanout.Settings{Retry: 500 * time.Millisecond}, fanout.Newcomer{}, false},
		"as lines":                 {fanout.Settings{Retry: 4 * time.Second}, fanout.Newcomer{Lines: true}, false},
		"the log reaches far back": {fanout.Settings{Retry: 4 * time.Second, Bounds: replay.Bounds{Events: 1800}}, fanout.Newcomer{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.settings.Bounds == (replay.Bounds{}) {
				tc.settings.Bounds = replay.Bounds{Events: 32}
			}
			inWorld(t, tc.settings, func(w *world) {
				_, up := w.live()
				c := w.join(tc.newcomer)
				var told []time.Duration
				for range 2000 { // 10 ms each: 32 of them are a third of a second, 1,800 are 18 s
					time.Sleep(10 * time.Millisecond)
					require.NoError(t, up.send("x"))
					pieces, _ := c.Peek(nil, testLimit)
					for i, p := range pieces {
						if d := retryOf(string(p)); d > 0 {
							told = append(told, d)
							assert.Contains(t, string(pieces[i+1]), "data: x")
						}
					}
					assert.Equal(t, 1, c.Advance(len(pieces)), "it is no event")
				}
				if !tc.tells {
					assert.Empty(t, told)
					return
				}
				require.Len(t, told, 1)
				assert.InDelta(t, 500, told[0].Milliseconds(), 100, "jittered, but for the floor")
				assert.GreaterOrEqual(t, told[0], 500*time.Millisecond)
			})
		})
	}
}

func TestTheReconnectionTimeInEveryForm(t *testing.T) {
	gzip := frame.Form{Encoding: frame.Gzip, Chunked: true}
	inWorld(t, fanout.Settings{Retry: 4 * time.Second, Bounds: replay.Bounds{Events: 4}}, func(w *world) {
		_, up := w.live()
		s := w.join(fanout.Newcomer{Form: gzip}).Subscriber
		for range 15 {
			require.NoError(t, up.send("x"))
			pieces, _ := s.Peek(nil, testLimit)
			s.Advance(len(pieces))
		}
		require.NoError(t, up.send("y"))
		pieces, _ := s.Peek(nil, testLimit)
		require.Len(t, pieces, 2, "the reconnection time, and the event")
		s.Advance(1)
		rest, _ := s.Peek(nil, testLimit)
		assert.Equal(t, pieces[1:], rest, "the event refers to nothing: something else stands before it")
	})
}

func TestTheEndOfWhoWasTooSlowFitsTheLog(t *testing.T) {
	inWorld(t, fanout.Settings{Retry: 4 * time.Second, Bounds: replay.Bounds{Events: 10}}, func(w *world) {
		w.settings.Slow = pump.End{Ending: because("slow"), RetryDelay: 4 * time.Second}
		c, up := w.live()
		require.NoError(t, up.send("x"))
		c.read()
		for range 32 {
			time.Sleep(time.Second)
			require.NoError(t, up.send("x"))
		}
		_, end := c.Peek(nil, testLimit)
		require.NotNil(t, end)
		assert.Equal(t, 2*time.Second, end.RetryDelay, "the log reaches back 9 s")
	})
}
