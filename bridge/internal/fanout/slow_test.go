package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

var ten = replay.Bounds{Events: 10}

func TestWhoTakesNothingIsOverdueAtHalfTheLog(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Bounds: ten}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("e0#0"))
		c.read()
		require.NoError(t, up.send("e1#1", "e2#2", "e3#3", "e4#4", "e5#5"))
		assert.False(t, c.Overdue())
		require.NoError(t, up.send("e6#6"))
		assert.True(t, c.Overdue())
		assert.Equal(t, []string{"e1", "e2", "e3", "e4", "e5", "e6"}, w.join(from("0")).read(), "it can go on when it comes back")
	})
}

func TestBytesMakeOverdueToo(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: replay.Bounds{Bytes: 10_000}}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a"))
		c.read()
		for range 20 {
			require.NoError(t, up.send("a"))
		}
		assert.True(t, c.Overdue())
	})
}

func TestWhoCatchesUpIsOverdueOnlyWhenItsEventsAreGone(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: ten, LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9"))
		c := w.join(fanout.Newcomer{})
		c.Peek(nil, testLimit)
		assert.False(t, c.Overdue())
		c.Advance(2)
		require.NoError(t, up.send("e10"))
		assert.False(t, c.Overdue())
		require.NoError(t, up.send("e11"))
		assert.False(t, c.Overdue())
		require.NoError(t, up.send("e12"))
		assert.True(t, c.Overdue())
		assert.Equal(t, []string{"end: slow"}, c.read())
		assert.Equal(t, []string{"end: slow"}, c.read())
	})
}

func TestWhoHasCaughtUpIsHeldToHalfTheLog(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: ten, LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9"))
		c := w.join(fanout.Newcomer{})
		c.Peek(nil, testLimit)
		c.Advance(5)
		assert.False(t, c.Overdue())
		require.NoError(t, up.send("e10"))
		assert.True(t, c.Overdue())
		assert.Equal(t, []string{"e5", "e6", "e7", "e8", "e9", "e10"}, c.read(), "a late subscriber that reads gets its events")
	})
}

func TestWhoReadsInTimeIsNeverOverdue(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: ten}, func(w *world) {
		c, up := w.live()
		for range 1000 {
			require.NoError(t, up.send("a", "b", "c", "d", "e"))
			assert.False(t, c.Overdue())
			require.Len(t, c.read(), 5)
		}
	})
}

func TestWhoMaySkipGoesOnAsANewcomer(t *testing.T) {
	s := fanout.Settings{HasID: true, Bounds: ten, Skip: true, LateJoin: fanout.LateJoin{Mode: fanout.Latest}}
	inWorld(t, s, func(w *world) {
		skips := 0
		w.registry.Hooks.Skipped = func(string) { skips++ }
		c, up := w.live()
		require.NoError(t, up.send("e0#0"))
		c.read()
		for range 6 {
			require.NoError(t, up.send("x#x"))
		}
		require.NoError(t, up.send("e7#7"))
		assert.False(t, c.Overdue(), "it is not cut off")
		require.NoError(t, up.send("e8#8"))
		assert.Equal(t, []string{`reset: slow "0"`, "e8"}, c.read())
		assert.Empty(t, c.read())
		assert.Equal(t, 1, skips)
	})
}

func TestWhoMaySkipAndReadsInTimeSkipsNothing(t *testing.T) {
	s := fanout.Settings{HasID: true, Bounds: ten, Skip: true, LateJoin: fanout.LateJoin{Mode: fanout.Latest}}
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("e0#0"))
		c.read()
		require.NoError(t, up.send("a", "b", "c", "d", "e", "f", "g", "h"))
		assert.Len(t, c.read(), 8, "a burst does not make a subscriber slow that takes what comes")
		for range 8 {
			require.NoError(t, up.send("x#x"))
		}
		assert.False(t, c.Overdue())
		pieces, _ := c.Peek(nil, testLimit)
		assert.Contains(t, string(pieces[0]), "reset")
	})
}

func TestWhoMaySkipLosesWhatIsGone(t *testing.T) {
	s := fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: 2}, Skip: true, LateJoin: fanout.LateJoin{Mode: fanout.All}}
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("e0#0"))
		c.read()
		require.NoError(t, up.send("e1#1", "e2#2", "e3#3"))
		assert.Equal(t, []string{`reset: slow "0"`, "e2", "e3"}, c.read())
	})
}

func TestASlowSubscriberDoesNotHoldUpOthers(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: ten}, func(w *world) {
		slow, up := w.live()
		fast := w.join(fanout.Newcomer{})
		require.NoError(t, up.send("a"))
		slow.Peek(nil, testLimit) // and now it stalls, in the middle of a write
		began := time.Now()
		for range 1000 {
			require.NoError(t, up.send("b"))
			require.NotEmpty(t, fast.read())
		}
		assert.Zero(t, time.Since(began))
	})
}

// TestASmallEventTakesNoLargePlaceInABatch: a client that stalls keeps what it was given, so that is bounded by how many events it is too.
func TestASmallEventTakesNoLargePlaceInABatch(t *testing.T) {
	inWorld(t, fanout.Settings{Bounds: replay.Bounds{Events: 2000}, LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world) {
		_, up := w.live()
		var all []string
		for i := range 1200 {
			all = append(all, fmt.Sprint(i))
		}
		require.NoError(t, up.send(all...))
		c := w.join(fanout.Newcomer{})
		pieces, _ := c.Peek(nil, 1<<20)
		assert.Len(t, pieces, 512)
		c.Advance(0)
		assert.Equal(t, all, c.read())
	})
}
