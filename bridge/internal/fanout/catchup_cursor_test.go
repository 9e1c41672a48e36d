package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// Where two neighbours stand in a catch-up twice, the log does not say which of them it has.
func TestACatchUpDoesNotMeetTheLogAtNeighboursThatComeBack(t *testing.T) {
	catchingUp(t, resumable(), "0", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.up.send("a#1", "b#2", "x#3", "a#1", "b#2"))
		require.NoError(t, w.log.send("a#1", "b#2"))
		assert.Empty(t, w.outcomes)
		require.NoError(t, w.log.send("c#4"))
		assert.Error(t, w.up.send("c#4"))
		require.NoError(t, w.log.send("d#5"))
		assert.Equal(t, []string{"a", "b", "x", "a", "b", "c", "d"}, w.c.read())
	})
}

// An upstream stream that goes on behind the log's own id brings no snapshot, however early it comes.
func TestTheIDsOfAStreamThatIsOpenedAgainAreSureAtOnce(t *testing.T) {
	s := resumable()
	s.Backoff = backoff.Policy{Base: time.Millisecond, Max: time.Millisecond}
	inWorld(t, s, func(w *world) {
		_, log := w.live()
		require.NoError(t, log.send("c#3"))
		log.end(reading.Broken, "broken")
		after(2 * time.Millisecond)
		log = w.upstream.next()
		require.Equal(t, "3", log.Cursor)
		require.NoError(t, log.send("d#4", "e#5"))
		assert.Equal(t, []string{"e"}, w.join(from("4")).read())
		w.join(from("3"))
		_, ups := w.opened()
		assert.Equal(t, []string{"3"}, cursorsOf(ups), "the last event of the snapshot")
	})
}

// No cursor says where to go on behind an event without an id. Without a cursor the upstream would begin anew.
func TestACatchUpIsNeverOpenedWithoutACursor(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		require.NoError(t, w.up.send("b#2", "c"))
		w.up.end(reading.Broken, "broken")
		after(5 * time.Second)
		assert.Nil(t, w.upstream.next())
		assert.Equal(t, []string{"b", "c"}, w.c.read())
		after(5 * time.Second)
		assert.Equal(t, []string{"expired after 10s"}, w.outcomes)
	})
}

// A catch-up whose upstream is gone when its time is over is not quiet.
func TestACatchUpWithoutAnUpstreamIsNotQuiet(t *testing.T) {
	s := resumable()
	s.Backoff = backoff.Policy{Base: time.Minute, Max: time.Minute}
	catchingUp(t, s, "1", func(w *caught) {
		after(7 * time.Second)
		w.up.end(reading.Broken, "broken")
		after(3 * time.Second)
		assert.Equal(t, []string{"expired after 10s"}, w.outcomes)
	})
}

// A snapshot may end with the newest event of a catch-up. While the log's upstream is gone, that says nothing.
func TestASnapshotWithoutAnUpstreamIsNotQuiet(t *testing.T) {
	s := resumable()
	s.Backoff = backoff.Policy{Base: time.Minute, Max: time.Minute}
	catchingUp(t, s, "1", func(w *caught) {
		w.both("b#2")
		w.log.end(reading.Broken, "broken")
		after(10 * time.Second)
		assert.Equal(t, []string{"expired after 10s"}, w.outcomes)
	})
}
