package fanout_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// A configuration may come back while the streams of its earlier time end. Its callers begin a stream with settings of its own,
// and do not keep alive what ends.
func TestARetiredStreamIsJoinedOnlyByThoseThatEndToo(t *testing.T) {
	var retired atomic.Bool
	old := fanout.Settings{Label: "old", Linger: time.Hour, Retired: retired.Load}
	inWorld(t, old, func(w *world) {
		before, up := w.live()
		retired.Store(true)
		w.registry.EndRetired()
		late := w.join(fanout.Newcomer{Retired: true})
		require.Nil(t, w.upstream.next(), "a caller that ends too joins the stream")
		assert.Equal(t, before.Key(), late.Key())

		w.settings.Label, w.settings.Retired = "new", nil
		anew, upAnew := w.live()
		other := w.join(fanout.Newcomer{})
		assert.Equal(t, 2, w.registry.Streams())
		assert.Equal(t, anew.Key(), other.Key())
		assert.NotEqual(t, before.Key(), anew.Key(), "the two are told apart")
		held := w.registry.Held()
		assert.Equal(t, 1, held["old"].Streams)
		assert.Equal(t, 1, held["new"].Streams)

		require.NoError(t, up.send("a"))
		require.NoError(t, upAnew.send("b"))
		synctest.Wait()
		for c, want := range map[*client]string{before: "a", late: "a", anew: "b", other: "b"} {
			assert.Equal(t, []string{want}, c.read())
		}
		before.Close()
		late.Close()
		synctest.Wait()
		assert.Equal(t, 1, w.registry.Streams(), "the retired stream does not linger")
		assert.EqualValues(t, 1, w.upstream.open.Load())
		anew.Close()
		other.Close()
		synctest.Wait()
		assert.Equal(t, 1, w.registry.Streams(), "the other stream lingers")
		again := w.join(fanout.Newcomer{})
		assert.Equal(t, anew.Key(), again.Key())
	})
}

// Streams that were set aside count as streams, and end with the registry.
func TestARetiredStreamCountsUntilItEnds(t *testing.T) {
	var retired atomic.Bool
	inWorld(t, fanout.Settings{Retired: retired.Load}, func(w *world) {
		old, _ := w.live()
		retired.Store(true)
		w.settings.Retired = nil
		anew, _ := w.live()
		w.registry.SetLimits(fanout.Limits{Streams: 2})
		_, err := w.registry.Join("other", fanout.Newcomer{}, nil)
		require.ErrorIs(t, err, fanout.ErrLimit)
		w.registry.Close(closed())
		for _, c := range []*client{old, anew} {
			assert.Contains(t, c.read(), "end: closed")
		}
	})
}
