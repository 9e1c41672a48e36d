package fanout_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

var hundred = replay.Bounds{Events: 100}

// load says how many events come and how many the client takes in each of the pump's intervals.
type load struct{ sends, takes int }

// until calls Overdue after each interval. It returns the number of intervals after which the client is overdue, or 0 where it
// never is.
func until(t *testing.T, c *client, up *attempt, loads ...load) int {
	t.Helper()
	for i, l := range loads {
		time.Sleep(pump.OverduePatience)
		for range l.sends {
			require.NoError(t, up.send("x#x"))
		}
		pieces, _ := c.Peek(nil, testLimit)
		c.Advance(min(l.takes, len(pieces)))
		if c.Subscriber.Overdue(0, false) {
			return i + 1
		}
	}
	return 0
}

func TestWhoTricklesIsOverdueAndWhoCatchesUpIsNot(t *testing.T) {
	steady := func(l load) []load { return slices.Repeat([]load{l}, 200) }
	burst := load{80, 0}
	for name, tt := range map[string]struct {
		loads []load
		after int
	}{
		"it takes nothing":                       {steady(load{10, 0}), 7}, // 60 are more than half; then no fewer
		"it takes too little":                    {steady(load{10, 5}), 12},
		"it takes almost enough":                 {steady(load{10, 9}), 52},
		"it takes enough":                        {steady(load{10, 10}), 0},
		"it takes more":                          {steady(load{10, 20}), 0},
		"a burst, and silence":                   {append([]load{burst}, steady(load{0, 1})...), 0},
		"a burst, and it catches up, if slowly":  {append([]load{burst}, steady(load{10, 11})...), 0},
		"a burst, and it keeps its distance":     {append([]load{burst}, steady(load{10, 10})...), 2},
		"a burst, and it falls further behind":   {append([]load{burst}, steady(load{2, 1})...), 2},
		"bursts, each of which it has in time":   {slices.Repeat([]load{burst, {0, 40}, {0, 40}}, 50), 0},
		"in lumps, and it catches up":            {append([]load{burst}, slices.Repeat([]load{{0, 30}, {10, 0}}, 10)...), 0},
		"in lumps, and each time a little later": {slices.Repeat([]load{{20, 0}, {0, 10}}, 100), 13},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, fanout.Settings{HasID: true, Bounds: hundred}, func(w *world) {
				c, up := w.live()
				require.NoError(t, up.send("0#0"))
				c.read()
				assert.Equal(t, tt.after, until(t, c, up, tt.loads...))
			})
		})
	}
}

func TestWhoTricklesAndMaySkipSkipsWhatTheLogStillHas(t *testing.T) {
	s := fanout.Settings{HasID: true, Bounds: hundred, Skip: true, LateJoin: fanout.LateJoin{Mode: fanout.Latest}}
	inWorld(t, s, func(w *world) {
		skips := 0
		w.registry.Hooks.Skipped = func(string) { skips++ }
		c, up := w.live()
		require.NoError(t, up.send("0#0"))
		c.read()
		assert.Zero(t, until(t, c, up, slices.Repeat([]load{{10, 5}}, 13)...), "it is not overdue")
		assert.Equal(t, 1, skips)
	})
}

// Events that only the kernel has taken are lost when the connection is cut off.
func TestWhatAClientWasGivenAndLacksCountsAsBehind(t *testing.T) {
	for name, tt := range map[string]struct {
		settings fanout.Settings
		each     time.Duration // between events
		lacks    int
		overdue  bool
	}{
		"less than half of the log":        {fanout.Settings{Bounds: hundred}, 50 * time.Millisecond, 50, false},
		"more":                             {fanout.Settings{Bounds: hundred}, 50 * time.Millisecond, 51, true},
		"all that the log has":             {fanout.Settings{Bounds: hundred}, 50 * time.Millisecond, 100, true},
		"more than the log has":            {fanout.Settings{Bounds: hundred}, 50 * time.Millisecond, 101, false}, // it has nothing to come back to
		"on a stream faster than any way":  {fanout.Settings{Bounds: hundred}, 5 * time.Millisecond, 80, false},
		"by one that may skip, in no time": {fanout.Settings{Bounds: hundred, Skip: true}, 50 * time.Millisecond, 80, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tt.settings, func(w *world) {
				c, up := w.live()
				for range 300 {
					time.Sleep(tt.each)
					require.NoError(t, up.send("x"))
					c.read()
				}
				require.False(t, c.Subscriber.Overdue(0, false), "it has all")
				assert.Equal(t, tt.overdue, c.Subscriber.Overdue(tt.lacks, true))
			})
		})
	}
}

// When a client comes back from far behind, the kernel takes many events at once. This does not bring the client near the end
// of the log.
func TestWhoComesBackMayCatchUp(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Bounds: hundred}, func(w *world) {
		first, up := w.live()
		for i := range 300 {
			time.Sleep(50 * time.Millisecond)
			require.NoError(t, up.send(fmt.Sprintf("x#%d", i)))
			first.read()
		}
		c := w.join(from("219"))
		require.Len(t, c.read(), 80)
		assert.False(t, c.Subscriber.Overdue(80, false))
		time.Sleep(pump.OverduePatience)
		assert.False(t, c.Subscriber.Overdue(80, true), "the first bytes are on their way")
		assert.False(t, c.Subscriber.Overdue(40, false))
		assert.True(t, c.Subscriber.Overdue(60, true), "it had caught up")
	})
}

// Events that the client has taken from a write that is under way no longer count as missing.
func TestWhatAClientHasOfAWriteCounts(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: hundred}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("x"))
		c.read()
		for range 80 {
			require.NoError(t, up.send("x"))
		}
		c.Peek(nil, testLimit)
		assert.False(t, c.Subscriber.Overdue(-30, true))
		assert.True(t, c.Subscriber.Overdue(-29, true))
		assert.False(t, c.Subscriber.Overdue(-1000, true), "no more than there is")
	})
}

func TestTheRetryFitsALogThatIsNotFull(t *testing.T) {
	const route = 8 * time.Second
	for name, tt := range map[string]struct {
		settings fanout.Settings
		each     []time.Duration // between the events, again and again
		events   int
		want     time.Duration
	}{
		"it fills in 20 s":                    {fanout.Settings{Bounds: replay.Bounds{Events: 200}}, []time.Duration{100 * time.Millisecond}, 20, 4 * time.Second},
		"it fills in 2 s":                     {fanout.Settings{Bounds: replay.Bounds{Events: 200}}, []time.Duration{10 * time.Millisecond}, 20, 500 * time.Millisecond},
		"by its bytes":                        {fanout.Settings{Bounds: replay.Bounds{Bytes: 80_000}}, []time.Duration{100 * time.Millisecond}, 20, 4 * time.Second},
		"by its age":                          {fanout.Settings{Bounds: replay.Bounds{Events: 10_000, Age: 20 * time.Second}}, []time.Duration{100 * time.Millisecond}, 20, 4 * time.Second},
		"it fills in minutes":                 {fanout.Settings{Bounds: replay.Bounds{Events: 1000}}, []time.Duration{100 * time.Millisecond}, 20, route},
		"a snapshot, which says nothing":      {fanout.Settings{Bounds: replay.Bounds{Events: 200}}, []time.Duration{0}, 100, route},
		"a snapshot, and slow events":         {fanout.Settings{Bounds: replay.Bounds{Events: 200}}, append(make([]time.Duration, 99), slices.Repeat([]time.Duration{time.Second}, 101)...), 199, route},
		"slow events, and then fast ones":     {fanout.Settings{Bounds: replay.Bounds{Events: 400}}, append(slices.Repeat([]time.Duration{time.Second}, 200), slices.Repeat([]time.Duration{10 * time.Millisecond}, 200)...), 320, time.Second},
		"bursts":                              {fanout.Settings{Bounds: replay.Bounds{Events: 200}}, append(make([]time.Duration, 79), time.Second), 160, 500 * time.Millisecond},
		"a route whose slow clients may skip": {fanout.Settings{Bounds: replay.Bounds{Events: 200}, Skip: true}, []time.Duration{10 * time.Millisecond}, 20, route},
	} {
		t.Run(name, func(t *testing.T) {
			tt.settings.Retry = route
			inWorld(t, tt.settings, func(w *world) {
				c, up := w.live()
				for i := range tt.events {
					time.Sleep(tt.each[i%len(tt.each)])
					require.NoError(t, up.send("x"))
				}
				assert.Equal(t, tt.want, c.Retry(route))
				assert.Equal(t, min(tt.want, time.Second), c.Retry(time.Second), "it makes nothing longer")
			})
		})
	}
}

func TestWhoIsToldByItsResponseIsNotToldAgain(t *testing.T) {
	inWorld(t, fanout.Settings{Retry: 8 * time.Second, Bounds: hundred}, func(w *world) {
		old, up := w.live()
		for range 20 {
			time.Sleep(10 * time.Millisecond)
			require.NoError(t, up.send("x"))
		}
		c := w.join(fanout.Newcomer{})
		assert.Equal(t, 500*time.Millisecond, c.Retry(8*time.Second))
		require.NoError(t, up.send("y"))
		assert.Equal(t, []string{"y"}, c.read())
		assert.Len(t, old.read(), 22, "with a reconnection time")
	})
}

func TestWhoIsLateHasAMoment(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: hundred}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("x"))
		c.read()
		for range 80 {
			require.NoError(t, up.send("x"))
		}
		assert.False(t, c.Subscriber.Overdue(0, false))
		time.Sleep(pump.OverduePatience - 1)
		assert.False(t, c.Subscriber.Overdue(0, false), "however often it is asked")
		time.Sleep(time.Nanosecond)
		assert.True(t, c.Subscriber.Overdue(0, false))
	})
}
