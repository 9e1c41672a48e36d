package fanout_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

func TestAStreamLingersAfterItsLastSubscriber(t *testing.T) {
	inWorld(t, fanout.Settings{Linger: 10 * time.Second}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a"))
		c.read()
		c.Close()
		after(9 * time.Second)
		require.NoError(t, up.send("b"))

		back := w.join(from(c.lastID))
		assert.Equal(t, []string{"b"}, back.read(), "a page that is reloaded goes on where it was")
		after(time.Hour)
		require.NoError(t, up.send("c"), "a subscriber is there: nothing expires")
		assert.Equal(t, []string{"c"}, back.read())

		back.Close()
		after(9 * time.Second)
		assert.Equal(t, 1, w.registry.Streams())
		after(time.Second)
		assert.Zero(t, w.registry.Streams())
		assert.Error(t, up.ctx.Err())
		assert.Zero(t, w.upstream.open.Load())
		assert.Equal(t, 1, w.opens)
	})
}

func TestAStreamNeedNotLinger(t *testing.T) {
	inWorld(t, fanout.Settings{Linger: -1}, func(w *world) {
		c, up := w.live()
		c.Close()
		synctest.Wait()
		assert.Zero(t, w.registry.Streams())
		assert.Error(t, up.ctx.Err())
	})
}

func TestAnUpstreamThatIsSilentLingersToo(t *testing.T) {
	inWorld(t, fanout.Settings{Linger: time.Second}, func(w *world) {
		w.join(fanout.Newcomer{}).Close()
		up := w.upstream.next()
		after(2 * time.Second)
		assert.Error(t, up.ctx.Err())
	})
}

func TestAStreamThatBreaksWhileItLingersIsForgotten(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		c.Close()
		up.end(reading.Broken, "unavailable")
		assert.Zero(t, w.registry.Streams())
		after(time.Hour)
		assert.Nil(t, w.upstream.next(), "it is not opened again")
	})
}

func TestABrokenStreamWithoutSubscribersIsForgotten(t *testing.T) {
	inWorld(t, fanout.Settings{Linger: time.Hour}, func(w *world) {
		c, up := w.live()
		up.end(reading.Broken, "unavailable")
		c.Close()
		after(time.Second)
		assert.Zero(t, w.registry.Streams())
		assert.Nil(t, w.upstream.next())
	})
}

func TestTheLimitOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var evicted []string
		r := fanout.NewRegistry(t.Context(), fanout.Limits{Streams: 3})
		r.Hooks.Evicted = func(label string) { evicted = append(evicted, label) }
		w := newWorld(t, r, fanout.Settings{})
		join := func(key string) *client {
			w.key, w.settings.Label = key, key
			return w.join(fanout.Newcomer{})
		}
		a, b, c := join("a"), join("b"), join("c")
		_, err := r.Join("d", fanout.Newcomer{}, func() (fanout.Settings, reading.Upstream) { panic("there is no room") })
		require.ErrorIs(t, err, fanout.ErrLimit)
		join("b").Close() // a stream that exists already takes no room

		b.Close()
		after(time.Second)
		a.Close()
		after(time.Second)
		c.Close()
		join("c") // this stream no longer lingers
		join("d")
		assert.Equal(t, []string{"b"}, evicted, "the one that has lingered longest goes first")
		join("e")
		assert.Equal(t, []string{"b", "a"}, evicted)
		_, err = r.Join("f", fanout.Newcomer{}, nil)
		require.ErrorIs(t, err, fanout.ErrLimit)
		assert.Equal(t, 3, r.Streams())
		synctest.Wait()
		assert.EqualValues(t, 3, w.upstream.open.Load())
		w.close()
	})
}

// A stream that no further subscriber can find does not linger, whether it is retired before or after the last one leaves.
func TestARetiredStreamDoesNotLinger(t *testing.T) {
	for name, retiredFirst := range map[string]bool{"before the last one leaves": true, "while it lingers": false} {
		t.Run(name, func(t *testing.T) {
			var retired atomic.Bool
			kept := 0
			settings := fanout.Settings{
				Linger: time.Hour, Retired: retired.Load,
				Keep: func() (release func()) { kept++; return func() { kept-- } },
			}
			inWorld(t, settings, func(w *world) {
				c, _ := w.live()
				other, _ := w.liveAt("other")
				synctest.Wait()
				assert.Equal(t, 2, kept)
				retired.Store(retiredFirst)
				w.registry.EndRetired()
				assert.Equal(t, 2, w.registry.Streams(), "a stream with subscribers goes on")
				c.Close()
				if !retiredFirst {
					synctest.Wait()
					assert.Equal(t, 2, w.registry.Streams())
					retired.Store(true)
					w.registry.EndRetired()
				}
				synctest.Wait()
				assert.Equal(t, 1, w.registry.Streams())
				assert.Equal(t, 1, kept, "what the stream kept is released when its upstream is no longer read")
				other.Close()
			})
			assert.Zero(t, kept)
		})
	}
}

func TestTheLimitOfStreamsCanBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fanout.NewRegistry(t.Context(), fanout.Limits{Streams: 1})
		w := newWorld(t, r, fanout.Settings{})
		w.key = "a"
		w.join(fanout.Newcomer{})
		refused := func(key string) {
			t.Helper()
			_, err := r.Join(key, fanout.Newcomer{}, nil)
			require.ErrorIs(t, err, fanout.ErrLimit)
		}
		refused("b")
		r.SetLimits(fanout.Limits{Streams: 2})
		w.key = "b"
		w.join(fanout.Newcomer{})
		r.SetLimits(fanout.Limits{Streams: 1})
		assert.Equal(t, 2, r.Streams(), "a lower limit ends no stream")
		refused("c")
		w.close()
	})
}

func TestHooksSeeStreamsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fanout.NewRegistry(t.Context(), fanout.Limits{})
		var seen []string
		note := func(what string) func(string) {
			return func(label string) { seen = append(seen, what+" "+label) }
		}
		r.Hooks = fanout.Hooks{Opened: note("opened"), Ended: note("ended")}
		r.Hooks.Reopened = func(label string, by ending.Code) { seen = append(seen, "reopened "+label+" "+by.String()) }
		w := newWorld(t, r, fanout.Settings{Label: "quotes"})
		c, up := w.live()
		w.join(fanout.Newcomer{}).Close()
		up.end(reading.Broken, "unavailable")
		after(time.Second)
		c.Close()
		r.Close(closed())
		assert.Equal(t, []string{"opened quotes", "reopened quotes UNAVAILABLE", "ended quotes"}, seen)
	})
}
