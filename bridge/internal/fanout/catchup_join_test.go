package fanout_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// The end of the stream ends a catch-up whose upstream is gone, but not one whose upstream is back.
func TestACatchUpWhoseUpstreamIsBackWhenTheStreamEnds(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		require.NoError(t, w.up.send("b#2"))
		w.up.end(reading.Broken, "broken")
		up := w.newest()
		w.log.end(reading.Over, "over")
		require.NoError(t, up.send("c#3"))
		up.end(reading.Over, "its own")
		assert.Equal(t, []string{"b", "c", "end: its own"}, w.c.read())
	})
}

// The header is that of the upstream stream that was accepted first, or of the stream.
func TestTheHeaderOfASubscriberThatCatchesUp(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		c := w.join(from("1"))
		log, ups := w.opened()
		assert.Nil(t, c.Header())
		assert.False(t, c.Opened())
		rang := 0
		defer c.Topic().Watch(func() { rang++ })()
		header := func(value string, at *attempt) {
			at.do(func() *reading.Result { at.sink.Accepted(reading.Header{"of": {value}}); return nil })
		}
		header("the catch-up", ups["1"])
		assert.Equal(t, reading.Header{"of": {"the catch-up"}}, c.Header())
		assert.True(t, c.Opened())
		assert.Equal(t, 1, rang)
		header("the stream", log)
		assert.Equal(t, reading.Header{"of": {"the stream"}}, c.Header())
		assert.Equal(t, 2, rang)
	})
}

// The header of a catch-up would reach some subscribers and not others, by who comes first.
func TestAStreamWithoutAHeaderDoesNotHaveThatOfACatchUp(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		c := w.join(from("1"))
		log, ups := w.opened()
		accepted := func(at *attempt, header reading.Header) {
			at.do(func() *reading.Result { at.sink.Accepted(header); return nil })
		}
		accepted(ups["1"], reading.Header{"of": {"the catch-up"}})
		accepted(log, nil)
		assert.Nil(t, c.Header())
		assert.Nil(t, w.join(from("1")).Header())
	})
}

// An id that the stream itself was refused with is not asked for again.
func TestAnIDThatTheStreamWasRefusedWith(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		require.NoError(t, log.send("c#3"))
		log.end(reading.Broken, "broken")
		up := w.newest()
		require.Equal(t, "3", up.Cursor)
		up.end(reading.Refused, "no")
		w.newest().accept()
		assert.Equal(t, `reset: invalid "3"`, w.join(from("3")).read()[0])
		_, ups := w.opened()
		assert.Empty(t, ups)
	})
}

// A subscriber that catches up has an id. It is told no cursor, which would stand for another place.
func TestASubscriberThatCatchesUpIsToldNoCursor(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		passSnapshot()
		require.NoError(t, log.send("y#8", "z#9"))
		c := w.join(from("1"))
		after(time.Second)
		assert.Empty(t, c.read())
		assert.NotEmpty(t, w.join(fanout.Newcomer{}).read(), "another one is")
	})
}

// Only an id that comes after the catch-up began speaks against the catch-up.
func TestACatchUpOfAnIDThatHasComeIsShared(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		require.NoError(t, log.send("c#3"))
		w.join(from("3"))
		require.NoError(t, log.send("d#4"))
		w.join(from("3"))
		_, ups := w.opened()
		assert.Len(t, ups, 1)
		assert.EqualValues(t, 2, w.upstream.open.Load())
	})
}

// A catch-up that is given up has some time for its subscribers, and no more where others are given up later.
func TestTheTimeOfACatchUpThatIsGivenUp(t *testing.T) {
	s := resumable()
	s.Bounds = replay.Bounds{Bytes: 10_000}
	inWorld(t, s, func(w *world) {
		_, log := w.live()
		passSnapshot()
		require.NoError(t, log.send("a#100", "b#101"))
		meet := func(i int) *client {
			id := strconv.Itoa(i)
			c := w.join(from(id))
			_, ups := w.opened()
			require.NoError(t, ups[id].send(kilobyte+"#x"+id, kilobyte+"#y"+id, kilobyte+"#z"+id))
			require.Error(t, ups[id].send("a#100", "b#101"))
			return c
		}
		first := meet(0)
		for i := range 3 {
			meet(1 + i)
		}
		after(9 * time.Second)
		for i := range 3 {
			meet(4 + i)
		}
		after(time.Second)
		assert.Equal(t, `reset: expired "0"`, first.read()[0])
	})
}
