package fanout_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// grow has a new stream take about so many kilobytes, and returns how many of its events the log still has.
func (w *world) grow(key string, kilobytes int) (held int) {
	w.t.Helper()
	c, up := w.liveAt(key)
	for i := range kilobytes {
		require.NoError(w.t, up.send(fmt.Sprint(kilobyte, "#", 100+i)))
		assert.LessOrEqual(w.t, w.registry.Bytes(), int64(20_000))
	}
	return len(c.read())
}

// A log never gives way to catch-ups, whatever state they and their streams are in.
func TestNoLogAndNoStreamGivesWayToCatchUps(t *testing.T) {
	for name, do := range map[string]func(w *world, log, up *attempt){
		"it runs": func(*world, *attempt, *attempt) {},
		"it runs, and its stream is over": func(_ *world, log, _ *attempt) {
			log.end(reading.Over, "over")
		},
		"it is over, and so is its stream": func(_ *world, log, up *attempt) {
			up.end(reading.Over, "over")
			log.end(reading.Over, "over")
		},
		"it has met": func(w *world, log, up *attempt) {
			require.NoError(w.t, log.send("y#20", "z#21"))
			assert.Error(w.t, up.send("y#20", "z#21"))
		},
		"it has met, and its stream is over": func(w *world, log, up *attempt) {
			require.NoError(w.t, log.send("y#20", "z#21"))
			assert.Error(w.t, up.send("y#20", "z#21"))
			log.end(reading.Over, "over")
		},
		"it has met, and is given up but for its subscriber": func(w *world, log, up *attempt) {
			require.NoError(w.t, log.send("y#20", "z#21"))
			assert.Error(w.t, up.send("y#20", "z#21"))
			after(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inLimits(t, 20_000, resumable(), func(w *world, evicted *[]string) {
				idle, up := w.liveAt("idle")
				require.NoError(t, up.send("a#1"))
				idle.Close()
				_, log := w.liveAt("catching")
				passSnapshot()
				c := w.join(from("1"))
				_, ups := w.opened()
				for i := range 8 {
					require.NoError(t, ups["1"].send(fmt.Sprint(kilobyte, "#", 2+i)))
				}
				do(w, log, ups["1"])
				require.Greater(t, w.registry.Bytes(), int64(8_000))
				assert.Equal(t, 13, w.grow("other", 13))
				assert.Empty(t, *evicted)
				assert.Equal(t, `reset: expired "1"`, c.read()[0])
			})
		})
	}
}

// A catch-up that holds nothing does not end because another one takes too much.
func TestACatchUpWithoutEventsNeedsNoRoom(t *testing.T) {
	inLimits(t, 20_000, resumable(), func(w *world, _ *[]string) {
		w.liveAt("catching")
		big, small := w.join(from("1")), w.join(from("2"))
		_, ups := w.opened()
		for i := range 8 {
			require.NoError(t, ups["1"].send(fmt.Sprint(kilobyte, "#", 2+i)))
		}
		assert.Equal(t, 13, w.grow("other", 13))
		assert.Equal(t, `reset: expired "1"`, big.read()[0])
		assert.Empty(t, small.read())
		require.NoError(t, ups["2"].ctx.Err())
	})
}

// Callers may have many catch-ups meet the log and leave at once, so that none of them holds an event.
func TestFewCatchUpsAreKept(t *testing.T) {
	const most = 1024
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		passSnapshot()
		require.NoError(t, log.send("a#a", "b#b"))
		for i := range most + 1 {
			id := strconv.Itoa(i)
			c := w.join(from(id))
			_, ups := w.opened()
			assert.Error(t, ups[id].send("a#a", "b#b"))
			c.Close()
		}
		for id, want := range map[string]int{"0": 1, "1": 0, strconv.Itoa(most): 0} {
			w.join(from(id))
			_, ups := w.opened()
			assert.Len(t, ups, want, "the catch-up of %s", id)
		}
	})
}
