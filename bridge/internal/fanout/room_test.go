package fanout_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// kilobyte is an event that takes at least so many bytes in a log.
var kilobyte = strings.Repeat("x", 1024)

// inLimits runs a test in a world with a limit of bytes. evicted holds the labels of the streams that ended to make room.
func inLimits(t *testing.T, bytes int64, s fanout.Settings, test func(w *world, evicted *[]string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var evicted []string
		r := fanout.NewRegistry(t.Context(), fanout.Limits{Bytes: bytes})
		r.Hooks.Evicted = func(label string) { evicted = append(evicted, label) }
		w := newWorld(t, r, s)
		test(w, &evicted)
		w.close()
	})
}

func (w *world) liveAt(key string) (*client, *attempt) {
	w.t.Helper()
	w.key, w.settings.Label = key, key
	return w.live()
}

func TestStreamsThatLingerMakeRoom(t *testing.T) {
	inLimits(t, 40_000, fanout.Settings{Linger: time.Hour}, func(w *world, evicted *[]string) {
		for _, key := range []string{"a", "b", "c"} {
			c, up := w.liveAt(key)
			for range 8 {
				require.NoError(t, up.send(kilobyte))
			}
			c.Close()
			after(time.Second)
		}
		c, up := w.liveAt("d")
		for range 20 {
			require.NoError(t, up.send(kilobyte))
			assert.LessOrEqual(t, w.registry.Bytes(), int64(40_000))
		}
		assert.Equal(t, []string{"a", "b"}, *evicted, "the longest first, and no more than it takes")
		assert.Len(t, c.read(), 20, "and the other streams keep their events")
		assert.Equal(t, 2, w.registry.Streams())
		assert.EqualValues(t, 2, w.upstream.open.Load())
	})
}

func TestTheLogThatGrowsGivesUpItsOldest(t *testing.T) {
	inLimits(t, 20_000, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world, _ *[]string) {
		_, up := w.liveAt("a")
		for range 5 {
			require.NoError(t, up.send(kilobyte))
		}
		_, other := w.liveAt("b")
		for range 100 {
			require.NoError(t, other.send(kilobyte))
			assert.LessOrEqual(t, w.registry.Bytes(), int64(20_000))
		}
		w.key = "a"
		assert.Len(t, w.join(fanout.Newcomer{}).read(), 5)
		w.key = "b"
		assert.Greater(t, len(w.join(fanout.Newcomer{}).read()), 4)
	})
}

func TestTheNewestEventStaysWhateverTheLimit(t *testing.T) {
	inLimits(t, 100, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.All}}, func(w *world, _ *[]string) {
		c, up := w.live()
		for _, text := range []string{"a", "b", kilobyte} {
			require.NoError(t, up.send(text))
			assert.Equal(t, []string{text}, c.read())
			assert.Equal(t, []string{text}, w.join(fanout.Newcomer{}).read())
		}
	})
}

func TestLastValuesAreWithinTheLimit(t *testing.T) {
	s := fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}
	inLimits(t, 20_000, s, func(w *world, _ *[]string) {
		c, up := w.live()
		for i := range 100 {
			require.NoError(t, up.send(kilobyte+"@"+string(rune('0'+i))))
			assert.LessOrEqual(t, w.registry.Bytes(), int64(20_000))
			c.read()
		}
	})
}

func TestLastValuesAreBoundedInBytes(t *testing.T) {
	s := fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}, Bounds: replay.Bounds{Events: 1, Bytes: 5000}}
	inWorld(t, s, func(w *world) {
		_, up := w.live()
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			require.NoError(t, up.send(key+kilobyte+"@"+key))
		}
		got := w.join(fanout.Newcomer{}).read()
		require.Len(t, got, 3)
		assert.Equal(t, "d", got[0][:1], "the key that was updated longest ago goes")
		assert.Equal(t, "f", got[2][:1])
		assert.Greater(t, w.registry.Bytes(), int64(4*len(kilobyte)), "three last values count, and one event of the log")
	})
}

func TestFormsCount(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		_, up := w.live()
		zipped := w.join(fanout.Newcomer{Form: frame.Form{Encoding: frame.Gzip}})
		require.NoError(t, up.send(kilobyte))
		grows := func() int64 {
			before := w.registry.Bytes()
			require.NoError(t, up.send("a"))
			return w.registry.Bytes() - before
		}
		plain := grows()
		zipped.read()
		assert.Greater(t, grows(), plain, "what was made since counts as well")
	})
}
