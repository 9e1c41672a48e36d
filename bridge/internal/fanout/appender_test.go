package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// inSharedLog runs a test in a world. The test can append to the log of the world's stream.
func inSharedLog(t *testing.T, s fanout.Settings, test func(w *world, log func() *replay.Ring)) {
	t.Helper()
	inWorld(t, s, func(w *world) {
		var log *replay.Ring
		w.registry.AppendInto(func(l *replay.Ring) fanout.Appender {
			log = l
			return l
		})
		test(w, func() *replay.Ring { return log })
	})
}

func appendTo(t *testing.T, log *replay.Ring, text, key string) {
	t.Helper()
	e, err := replay.NewEvent(log.State().End(), fmt.Appendf(nil, "data: %s\nid: %s\n\n", text, text), 0)
	require.NoError(t, err)
	e.ID, e.Key = text, key
	require.NoError(t, log.Append(t.Context(), e.Draft()))
}

func TestEventsOfAnotherAppenderAreRead(t *testing.T) {
	s := fanout.Settings{HasID: true, LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}
	inSharedLog(t, s, func(w *world, log func() *replay.Ring) {
		c, up := w.live()
		require.NoError(t, up.send("a1#a1@a"))
		rang := 0
		defer c.Topic().Watch(func() { rang++ })()
		appendTo(t, log(), "b1", "b")
		assert.Equal(t, 1, rang)
		assert.Equal(t, []string{"a1", "b1"}, c.read())
		assert.Equal(t, []string{"a1", "b1"}, w.join(fanout.Newcomer{}).read())
		assert.Equal(t, []string{"b1"}, w.join(from("a1")).read())
	})
}

func TestAConflictAppendsNothing(t *testing.T) {
	inSharedLog(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world, log func() *replay.Ring) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		appendTo(t, log(), "other", "")
		conflict := (*replay.ConflictError)(nil)
		require.ErrorAs(t, up.send("b#2"), &conflict)
		assert.Equal(t, []string{"a", "other"}, c.read())
		up.end(reading.Broken, "conflict")
		after(time.Second)
		up = w.upstream.next()
		assert.Equal(t, reading.Attempt{Reopening: true}, up.Attempt, "the id of the other event is not known")
		require.NoError(t, up.send("c#3"))
		assert.Equal(t, []string{`reset: epoch "other"`, "c"}, c.read())
	})
}

func TestALogThatTakesNothing(t *testing.T) {
	inSharedLog(t, fanout.Settings{}, func(w *world, log func() *replay.Ring) {
		c := w.join(fanout.Newcomer{})
		up := w.upstream.next()
		log().Close()
		require.ErrorIs(t, up.send("a"), replay.ErrClosed)
		up.end(reading.Over, "out of order")
		assert.Equal(t, []string{"end: out of order"}, c.read())
	})
}
