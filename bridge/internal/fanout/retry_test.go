package fanout_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
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

// slowness says how a client is slow on a steady stream, and how it is cut off for that.
type slowness struct {
	log     int           // events
	reach   time.Duration // of the log
	retry   time.Duration // of the route
	fast    int           // how many events it takes as they come
	rate    float64       // which share of the events it takes afterwards
	kernel  int           // how many events the kernel takes that the client does not
	timeout time.Duration // after which it is cut off in any case
}

// A client that is cut off for being slow comes back after the reconnection time that it was told, and goes on without a gap.
// This holds for every degree of slowness, for every way of being cut off, and for logs that were never full. The rate of
// events is steady, the log reaches back a few seconds at least, and the client was not slow before the rate was known.
func TestWhoWasTooSlowIsBackBeforeTheLogHasGivenUpItsID(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := slowness{
			log:     rapid.IntRange(60, 400).Draw(rt, "log"),
			reach:   time.Duration(rapid.IntRange(3_500, 60_000).Draw(rt, "reaches back, ms")) * time.Millisecond,
			retry:   time.Duration(rapid.IntRange(500, 20_000).Draw(rt, "retry, ms")) * time.Millisecond,
			rate:    rapid.SampledFrom([]float64{0, 0, .1, .5, .8}).Draw(rt, "rate"),
			timeout: time.Duration(rapid.IntRange(1_000, 60_000).Draw(rt, "write timeout, ms")) * time.Millisecond,
		}
		s.kernel = rapid.IntRange(0, s.log/3).Draw(rt, "kernel")
		known := max(4, int(100*time.Millisecond*time.Duration(s.log)/s.reach)+2)
		s.fast = known + 1 + rapid.IntRange(0, 2*s.log).Draw(rt, "takes fast")
		var err error
		synctest.Test(t, func(t *testing.T) { err = s.andBack(t) })
		if err != nil {
			rt.Fatalf("%+v: %v", s, err)
		}
	})
}

// andBack has a client read a stream for a while, be slow, and come back.
func (s slowness) andBack(t *testing.T) error {
	w := newWorld(t, fanout.NewRegistry(t.Context(), fanout.Limits{}), fanout.Settings{
		HasID: true, Bounds: replay.Bounds{Events: s.log}, Retry: s.retry, Linger: time.Hour,
	})
	defer w.close()
	c, up := w.live()
	told := map[int]time.Duration{0: s.retry} // in front of which event
	sent, given := 0, 0
	tick := func() error {
		time.Sleep(s.reach / time.Duration(s.log))
		sent++
		return up.send(fmt.Sprintf("e%d#%d", sent, sent))
	}
	give := func(upTo int) {
		for given < min(sent, upTo) {
			pieces, _ := c.Peek(nil, 1)
			for _, p := range pieces {
				if d := retryOf(string(p)); d > 0 {
					told[given+1] = d
				}
			}
			given += c.Advance(len(pieces))
		}
	}
	for range s.fast {
		if err := tick(); err != nil {
			return err
		}
		give(sent)
	}
	taken, asked, began := float64(given), time.Now(), time.Now()
	for over := false; !over && time.Since(began) < s.timeout; {
		if err := tick(); err != nil {
			return err
		}
		taken = min(taken+s.rate, float64(sent))
		give(int(taken) + s.kernel)
		if time.Since(asked) >= pump.OverduePatience {
			asked = time.Now()
			over = c.Subscriber.Overdue(given-int(taken), s.rate == 0)
		}
	}
	c.Close()
	at, wait := sent, time.Duration(0)
	for n := range int(taken) + 1 {
		wait = cmp.Or(told[n]*6/5, wait) // jittered as much as may be
	}
	for cut := time.Now(); time.Since(cut) < wait; {
		if err := tick(); err != nil {
			return err
		}
	}
	back := w.join(from(strconv.Itoa(int(taken))))
	got := slices.DeleteFunc(back.read(), func(text string) bool { return text == "" }) // a reconnection time
	if want := fmt.Sprintf("e%d", int(taken)+1); len(got) == 0 || got[0] != want {
		return fmt.Errorf("told to come back after %v at most, cut at %d, back at %d: expected %s first, found %v", wait, at, sent, want, got[:min(len(got), 2)])
	}
	return nil
}

// retryOf returns the reconnection time of a piece that consists of it, or 0 for another piece.
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
		for range 4 {
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
		w.settings.Slow = func() pump.End { return pump.End{Ending: because("slow"), RetryDelay: 4 * time.Second} }
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
