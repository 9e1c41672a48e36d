package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// An event has a delay for those clients only that were there when the event came.
func TestHowLateASubscriberIs(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a", "b"))
		after(time.Second)
		came := time.Now()
		c := w.join(fanout.Newcomer{})
		assert.Equal(t, pump.Lag{}, c.Lag(came), "nothing was peeked")
		c.Peek(nil, 1)
		assert.Equal(t, pump.Lag{Behind: 1}, c.Lag(came), "the event is from before the client came, and another one follows")
		c.Advance(1)
		c.Peek(nil, testLimit)
		assert.Equal(t, pump.Lag{}, c.Lag(came))
		c.Advance(1)
		after(time.Second)
		require.NoError(t, up.send("c"))
		received := time.Now()
		after(time.Second)
		require.NoError(t, up.send("d", "e"))
		c.Peek(nil, testLimit)
		lag := c.Lag(came)
		assert.Zero(t, lag.Received.Sub(received), "the first of the events")
		assert.Zero(t, lag.Behind)
	})
}
