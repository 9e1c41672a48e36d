package fanout_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// Each event counts with what the list needs for it. What the log has from the meeting on counts no more.
func TestTheBytesOfACatchUp(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.up.send("b#2"))
		one := w.registry.CatchUpBytes()
		require.Greater(t, one, int64(384))
		require.NoError(t, w.up.send("c#3", "d#4", "e#5"))
		assert.Equal(t, 4*one, w.registry.CatchUpBytes())
		assert.Equal(t, w.registry.Bytes(), w.registry.Held()[w.settings.Label].Bytes, "its stream holds them")
		assert.Equal(t, 1, w.registry.Holders())
		require.NoError(t, w.log.send("c#3", "d#4"))
		assert.Equal(t, 2*one, w.registry.CatchUpBytes(), "it has met the log at d")
		w.c.Close()
		assert.Equal(t, 2*one, w.registry.CatchUpBytes(), "it is kept")
		after(10 * time.Second)
		assert.Zero(t, w.registry.CatchUpBytes())
		assert.Zero(t, w.registry.Holders())
	})
}

// An event may be on its way while the catch-up ends.
func TestAnEventThatComesWhenACatchUpIsOver(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		w.up.do(func() *reading.Result {
			w.c.Close()
			assert.Error(t, w.up.sink.Event(context.Background(), eventOf("b#2")))
			return nil
		})
		assert.Zero(t, w.registry.CatchUpBytes())
	})
}

// A catch-up may get its turn at the moment at which it has waited for long enough. Either it has expired, or it is read.
func TestATurnThatComesAtTheLastMoment(t *testing.T) {
	s := resumable()
	s.CatchUps = 1
	inWorld(t, s, func(w *world) {
		w.live()
		for i := range 100 {
			refused, last := fmt.Sprint("refused", i), fmt.Sprint("last", i)
			w.join(from(refused))
			c := w.join(from(last))
			_, ups := w.opened()
			after(9 * time.Second)
			ups[refused].end(reading.Refused, "no")
			after(time.Second)
			if _, ups = w.opened(); ups[last] != nil {
				require.NoError(t, ups[last].ctx.Err())
			}
			c.Close()
			after(time.Second)
		}
	})
}

// Callers may come and leave again and again, on a stream that speaks or on a silent one. Nothing of their catch-ups is left.
func TestNothingIsLeftOfCatchUpsWhoseSubscribersHaveLeft(t *testing.T) {
	for name, speaks := range map[string]bool{"the stream speaks": true, "the stream is silent": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, resumable(), func(w *world) {
				stays := w.join(fanout.Newcomer{})
				log, _ := w.opened()
				if speaks {
					log.accept()
				}
				c := w.join(from("1"))
				after(10 * time.Second)
				held, early := stays.CatchUpsLeft()
				assert.Equal(t, 1, held+early)
				c.Close()
				held, early = stays.CatchUpsLeft()
				assert.Zero(t, held+early)
			})
		})
	}
}
