package fanout_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

func TestSubscribersShareOneUpstreamStream(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		first, second := w.join(fanout.Newcomer{}), w.join(fanout.Newcomer{})
		up := w.upstream.next()
		require.NotNil(t, up)
		assert.Equal(t, reading.Attempt{}, up.Attempt)
		assert.Empty(t, first.read())
		require.NoError(t, up.send("a", "b"))
		assert.Equal(t, []string{"a", "b"}, first.read())
		require.NoError(t, up.send("c"))
		assert.Equal(t, []string{"c"}, first.read())
		assert.Equal(t, []string{"a", "b", "c"}, second.read())
		assert.Empty(t, second.read())
		assert.Nil(t, w.upstream.next())
		assert.Equal(t, 1, w.opens)
	})
}

func TestKeysHaveStreamsOfTheirOwn(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		_, up := w.live()
		w.key = "other"
		_, other := w.live()
		require.NoError(t, up.send("a"))
		require.NoError(t, other.send("b"))
		assert.Equal(t, []string{"a"}, w.clients[0].read())
		assert.Equal(t, []string{"b"}, w.clients[1].read())
		assert.Equal(t, 2, w.registry.Streams())
	})
}

func TestAllWhoWaitForTheOpenGetTheSameEnd(t *testing.T) {
	for _, fate := range []reading.Fate{reading.Over, reading.Broken, reading.Refused} {
		inWorld(t, fanout.Settings{}, func(w *world) {
			first, second := w.join(fanout.Newcomer{}), w.join(fanout.Newcomer{})
			_, ended := first.End()
			assert.False(t, ended)
			w.upstream.next().end(fate, "unavailable")
			for _, c := range []*client{first, second} {
				assert.True(t, c.Opened())
				end, all := c.End()
				require.True(t, all)
				assert.Equal(t, ending.Reason("unavailable"), end.Ending.Reason)
				assert.Nil(t, c.Header())
				assert.Equal(t, []string{"end: unavailable"}, c.read())
			}
			assert.Zero(t, w.registry.Streams())
			w.join(fanout.Newcomer{})
			assert.Equal(t, 2, w.opens, "the next one opens it anew")
			assert.NotNil(t, w.upstream.next())
		})
	}
}

func TestTheUpstreamsAnswerIsKnown(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c := w.join(fanout.Newcomer{})
		up := w.upstream.next()
		assert.False(t, c.Opened(), "the upstream has not accepted yet")
		up.accept()
		assert.True(t, c.Opened())
		assert.Equal(t, reading.Header{"key": {"value"}}, c.Header())
		assert.True(t, w.join(fanout.Newcomer{}).Opened())
	})
}

func TestAnEventIsAnAnswer(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c := w.join(fanout.Newcomer{})
		require.NoError(t, w.upstream.next().send("a"))
		assert.True(t, c.Opened())
		_, ended := c.End()
		assert.False(t, ended)
		assert.Equal(t, []string{"a"}, c.read())
	})
}

func TestTheEndComesAfterAllEvents(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a", "b"))
		up.end(reading.Over, "done")
		_, all := c.End()
		assert.False(t, all, "events come first")
		assert.Equal(t, []string{"a", "b", "end: done"}, c.read())
		end, all := c.End()
		assert.True(t, all)
		assert.Equal(t, ending.Reason("done"), end.Ending.Reason)
		assert.Zero(t, w.registry.Streams(), "it is forgotten at once")
		assert.Positive(t, w.registry.Bytes(), "what a subscriber may read still counts")
		c.Close()
		assert.Zero(t, w.registry.Bytes())
	})
}

func TestAnUpstreamThatEndsWithoutEventsIsAllThereIs(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		up.end(reading.Over, "not found")
		end, all := c.End()
		require.True(t, all)
		assert.Equal(t, ending.Reason("not found"), end.Ending.Reason)
	})
}

func TestStreamsOutliveTheSubscriberThatOpenedThem(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		opener, up := w.live()
		c := w.join(fanout.Newcomer{})
		opener.Close()
		opener.Close()
		require.NoError(t, up.send("a"))
		assert.Equal(t, []string{"a"}, c.read())
		assert.Empty(t, opener.read(), "a subscriber that has left gets nothing")
		assert.Zero(t, opener.Advance(1))
		assert.False(t, opener.Overdue())
	})
}

func TestCloseEndsEveryStreamAndWaits(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a"))
		told := 0
		stop := c.Topic().Watch(func() { told++ })
		w.registry.Close(pump.End{Ending: because("drain")})
		assert.Zero(t, w.upstream.open.Load())
		assert.Positive(t, told)
		stop()
		assert.Equal(t, []string{"a", "end: drain"}, c.read())
		_, err := w.registry.Join("key", fanout.Newcomer{}, nil)
		assert.ErrorIs(t, err, fanout.ErrClosed)
	})
}

func TestStreamsEndWithTheRegistrysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(t, fanout.NewRegistry(ctx, fanout.Limits{}), fanout.Settings{})
		c, _ := w.live()
		cancel()
		synctest.Wait()
		assert.Equal(t, []string{"end: cancelled"}, c.read())
		_, err := w.registry.Join("key", fanout.Newcomer{}, nil)
		assert.ErrorIs(t, err, fanout.ErrClosed)
		w.close()
	})
}

func TestAnEventAfterTheEndIsRefused(t *testing.T) {
	inWorld(t, fanout.Settings{Linger: time.Second}, func(w *world) {
		c, up := w.live()
		var err error
		go up.do(func() *reading.Result {
			<-up.ctx.Done()
			err = up.sink.Event(up.ctx, eventOf("late"))
			return nil
		})
		c.Close()
		after(2 * time.Second)
		assert.Error(t, err)
	})
}
