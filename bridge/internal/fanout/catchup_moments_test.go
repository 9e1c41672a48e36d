package fanout_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// The end of a catch-up is no end of the stream, which lives when the registry closes. A subscriber comes back then.
func TestACatchUpThatHasEndedWhenTheRegistryCloses(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		require.NoError(t, w.up.send("b#2"))
		w.up.end(reading.Over, "its own")
		w.registry.Close(closed())
		assert.Equal(t, []string{"b", "end: closed"}, w.c.read())
	})
}

// The end of a catch-up whose upstream is to be opened again would be that of the break.
func TestACatchUpEndsWithItsStreamWhenTheRegistryEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(t, fanout.NewRegistry(ctx, fanout.Limits{}), resumable())
		c := w.join(from("1"))
		log, ups := w.opened()
		log.accept()
		require.NoError(t, ups["1"].send("b#2"))
		ups["1"].end(reading.Broken, "broken")
		held := make(chan struct{})
		log.acts <- func() *reading.Result { <-held; return nil }
		cancel()
		synctest.Wait()
		assert.Equal(t, []string{"b"}, c.read())
		close(held)
		synctest.Wait()
		assert.Equal(t, []string{"end: cancelled"}, c.read())
		w.close()
	})
}

// A stream is forgotten before its subscribers are told its end. The registry may close in between, and a subscriber that has
// found the stream before may begin to catch up.
func TestACatchUpThatBeginsWhileItsStreamEndsAndTheRegistryCloses(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		s, err := w.registry.Join(w.key, from("1"), func() (fanout.Settings, reading.Upstream) {
			// The stream's lock is held, so the stream cannot tell its end.
			log.acts <- func() *reading.Result { r := result(reading.Over, "over"); return &r }
			for w.registry.Streams() > 0 {
				runtime.Gosched()
			}
			go w.registry.Close(closed())
			for !w.registry.ReadsNoCatchUps() {
				runtime.Gosched()
			}
			return w.settings, w.upstream
		})
		require.NoError(t, err)
		c := &client{Subscriber: s}
		w.clients = append(w.clients, c)
		synctest.Wait()
		assert.Equal(t, []string{"end: over"}, c.read())
	})
}

// A log may show its first epoch after the stream has ended.
func TestACatchUpThatIsQuietBeforeALateLogBegins(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		var late *lateLog
		w.registry.AppendInto(func(log *replay.Ring) fanout.Appender {
			late = newLateLog(log, w.settings.Bounds, true)
			return late
		})
		c := w.join(from("1"))
		log, _ := w.opened()
		after(10 * time.Second)
		require.NoError(t, log.send("b#2"))
		log.end(reading.Over, "over")
		assert.Empty(t, c.read())
		late.show(1)
		assert.Empty(t, c.read())
		late.show(1)
		assert.Equal(t, []string{"b", "end: over"}, c.read())
	})
}

// A client that takes nothing for a while needs no event of the catch-up where it has had those in front of the log.
func TestASubscriberThatHasReadACatchUpGoesOnInTheLogAtAnyTime(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		passSnapshot()
		unread := w.join(from("1"))
		require.NoError(t, w.up.send("b#2"))
		assert.Equal(t, []string{"b"}, w.c.read())
		require.NoError(t, w.log.send("b#2", "c#3"))
		assert.Error(t, w.up.send("c#3"))
		after(time.Minute)
		assert.Equal(t, []string{"c"}, w.c.read())
		assert.Equal(t, `reset: expired "1"`, unread.read()[0])
	})
}

// Where an id comes back after other ids, the log cannot tell which of its events it is. A catch-up is behind the log here, at
// the first one.
func TestACatchUpDoesNotMeetTheLogAtAnIDThatComesBack(t *testing.T) {
	catchingUp(t, resumable(), "0", func(w *caught) {
		require.NoError(t, w.log.send("a#1", "b#2", "c#3"))
		passSnapshot()
		require.NoError(t, w.up.send("a#1", "b#2"))
		require.NoError(t, w.log.send("a#1", "b#2", "d#4"))
		require.NoError(t, w.up.send("c#3", "a#1", "b#2", "d#4"))
		assert.Equal(t, []string{"a", "b", "c", "a", "b", "d"}, w.c.read())
		require.NoError(t, w.log.send("e#5"))
		assert.Error(t, w.up.send("e#5"))
		require.NoError(t, w.log.send("f#6"))
		assert.Equal(t, []string{"e", "f"}, w.c.read())
	})
}

// An event may come between two looks at the log. Then the log's newest event is not the one in front of the place.
func TestTheNewestIDOfALogAsItWas(t *testing.T) {
	log := replay.NewRing(replay.Bounds{Events: 2})
	assert.Empty(t, fanout.NewestID(log, log.State()))
	require.NoError(t, log.Begin(t.Context(), "epoch"))
	assert.Empty(t, fanout.NewestID(log, log.State()))
	appendTo(t, log, "a", "")
	state := log.State()
	assert.Equal(t, "a", fanout.NewestID(log, state))
	appendTo(t, log, "b", "")
	assert.Equal(t, "a", fanout.NewestID(log, state))
	appendTo(t, log, "c", "")
	assert.Empty(t, fanout.NewestID(log, state), "it is evicted")
}

// An upstream may refuse the id of an event that it has just sent. The subscriber's id was none that it refuses.
func TestACatchUpWhoseNewestIDIsRefused(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		require.NoError(t, w.up.send("b#2"))
		w.up.end(reading.Broken, "broken")
		up := w.newest()
		require.Equal(t, "2", up.Cursor)
		up.end(reading.Refused, "no")
		assert.Equal(t, []string{"b"}, w.c.read())
		after(10 * time.Second)
		assert.Equal(t, `reset: expired "2"`, w.c.read()[0])
		assert.Nil(t, w.upstream.next())
		assert.Equal(t, []string{"expired after 10s"}, w.outcomes)
	})
}
