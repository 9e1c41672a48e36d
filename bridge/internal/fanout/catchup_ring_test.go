package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// rings returns how often the client was called by its topic while do ran.
func (c *client) rings(do func()) (n int) {
	defer c.Topic().Watch(func() { n++ })()
	do()
	return n
}

// A subscriber that is not called when it has something to read would wait until the next event, or for ever.
func TestWhenASubscriberThatCatchesUpIsCalled(t *testing.T) {
	one := resumable()
	one.CatchUps = 1
	t.Run("it waits for its turn", func(t *testing.T) {
		catchingUp(t, one, "1", func(w *caught) {
			waits := w.join(from("2"))
			assert.Zero(t, waits.rings(func() { require.NoError(t, w.log.send("x#9")); require.NoError(t, w.up.send("b#2")) }))
			assert.NotZero(t, waits.rings(func() { w.log.end(reading.Broken, "broken"); after(reading.StaleAfter) }), "a gap")
			assert.NotZero(t, waits.rings(func() { w.newest().accept() }), "the end of the gap")
			assert.NotZero(t, waits.rings(func() { w.registry.Close(closed()) }), "the end")
		})
	})
	t.Run("it is read", func(t *testing.T) {
		catchingUp(t, one, "1", func(w *caught) {
			passSnapshot()
			assert.Equal(t, 1, w.c.rings(func() { require.NoError(t, w.up.send("b#2")) }), "an event")
			assert.Zero(t, w.c.rings(func() { require.NoError(t, w.log.send("b#2")) }))
			assert.NotZero(t, w.c.rings(func() { require.NoError(t, w.log.send("c#3")); _ = w.up.send("c#3") }), "it has met the log")
		})
	})
	t.Run("it is lost", func(t *testing.T) {
		catchingUp(t, one, "1", func(w *caught) {
			assert.NotZero(t, w.c.rings(func() { w.up.end(reading.Refused, "no") }))
		})
	})
	t.Run("it has met, and its time is over", func(t *testing.T) {
		catchingUp(t, one, "1", func(w *caught) {
			passSnapshot()
			require.NoError(t, w.log.send("c#3", "d#4"))
			require.Error(t, w.up.send("b#2", "c#3", "d#4"))
			assert.NotZero(t, w.c.rings(func() { after(20 * time.Second) }))
		})
	})
	for name, do := range map[string]func(log *attempt){
		"it has met before the log begins, and the log begins":     func(log *attempt) { log.accept() },
		"it has met before the log begins, and the stream is over": func(log *attempt) { log.end(reading.Over, "over") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, one, func(w *world) {
				c := w.join(from("1"))
				log, _ := w.opened()
				after(10 * time.Second)
				assert.NotZero(t, c.rings(func() { do(log) }))
			})
		})
	}
}

// A catch-up that has met is kept until 10 s after its begin, not after its meeting.
func TestHowLongACatchUpIsKept(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		after(6 * time.Second)
		require.NoError(t, w.log.send("b#2", "c#3"))
		require.Error(t, w.up.send("b#2", "c#3"))
		w.c.Close()
		after(4*time.Second - time.Millisecond)
		w.join(from("1")).Close()
		assert.Nil(t, w.upstream.next(), "it is kept")
		after(time.Millisecond)
		w.join(from("1"))
		assert.NotNil(t, w.upstream.next())
	})
}

// Two messages without an id are not the same message.
func TestTwoEventsWithoutAnIDDoNotMakeAStreamQuiet(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		require.NoError(t, w.log.send("x"))
		require.NoError(t, w.up.send("b#2", "c"))
		after(10 * time.Second)
		assert.Equal(t, []string{"expired after 10s"}, w.outcomes)
	})
}
