package fanout_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestPeekGivesAboutWhatIsAskedFor(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c, up := w.live()
		big := strings.Repeat("x", 1000)
		require.NoError(t, up.send("a", "b", "c", big, "d"))
		up.end(reading.Over, "done")
		size := len("data: a\n\n")
		for _, want := range []int{2, 1, 1, 1} { // a b, c, the big one, d
			pieces, end := c.Peek(nil, 2*size)
			require.Len(t, pieces, want)
			assert.Equal(t, want, c.Advance(want))
			assert.Equal(t, string(pieces[0]) == "data: d\n\n", end != nil, "the end follows the last")
		}
	})
}

func TestPeekGivesManyEventsAtOnce(t *testing.T) {
	for _, mode := range []fanout.LateJoinMode{fanout.All, fanout.LatestBy} {
		inWorld(t, fanout.Settings{Bounds: replay.Bounds{Events: 1000}, LateJoin: fanout.LateJoin{Mode: mode}}, func(w *world) {
			_, up := w.live()
			var want []string
			for i := range 200 {
				want = append(want, strconv.Itoa(i))
				require.NoError(t, up.send(want[i]+"@"+want[i]))
			}
			up.end(reading.Over, "done")
			c := w.clients[0]
			pieces, end := c.Peek(nil, testLimit)
			assert.Len(t, pieces, 200)
			assert.NotNil(t, end)
			assert.Equal(t, append(want, "end: done"), c.read())
		})
	}
}

func TestLastValuesComeManyAtOnce(t *testing.T) {
	s := fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: 10}, LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}
	inWorld(t, s, func(w *world) {
		_, up := w.live()
		for i := range 200 {
			require.NoError(t, up.send(strconv.Itoa(i)+"@"+strconv.Itoa(i)))
		}
		c := w.join(fanout.Newcomer{})
		pieces, _ := c.Peek(nil, testLimit)
		assert.Len(t, pieces, 200)
		pieces, _ = c.Peek(nil, 1000)
		assert.InDelta(t, 100, len(pieces), 10, "about as much as was asked for")
		c.Advance(len(pieces))
		assert.Equal(t, "199", c.read()[199-len(pieces)])
	})
}

func TestAdvanceMovesBehindWhatWasTaken(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1", "b#2", "c"))
		c.Peek(nil, testLimit)
		assert.Zero(t, c.Advance(0))
		pieces, _ := c.Peek(nil, testLimit)
		require.Len(t, pieces, 3)
		assert.Equal(t, 1, c.Advance(1))
		assert.Equal(t, []string{"b", "c"}, c.read())

		up.end(reading.Broken, "unavailable")
		after(reading.StaleAfter)
		c.read()
		up = w.newest()
		require.NoError(t, up.send("x#7", "y#8"))
		up.end(reading.Broken, "unavailable")
		after(reading.StaleAfter)
		for _, want := range []string{"live", `reset`, "x", "y", "stale"} {
			pieces, _ := c.Peek(nil, testLimit)
			assert.Contains(t, string(pieces[0]), want)
			assert.Equal(t, len(want) == 1, c.Advance(1) == 1)
			assert.False(t, c.Drained(), "something follows, or nothing was an event")
		}
		assert.Empty(t, c.read())
	})
}

func TestPiecesStayAsTheyAre(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		pieces, _ := c.Peek(nil, testLimit)
		for range 1000 { // more than the log holds
			require.NoError(t, up.send("b#2"))
		}
		assert.Equal(t, "data: a\nid: 1\n\n", string(pieces[0]))
	})
}

func TestFormsOfAnEvent(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		plain, up := w.live()
		chunked := w.join(fanout.Newcomer{Form: frame.Form{Chunked: true}})
		lines := w.join(fanout.Newcomer{Lines: true})
		chunkedLines := w.join(fanout.Newcomer{Lines: true, Form: frame.Form{Chunked: true}})
		second := w.join(fanout.Newcomer{})
		require.NoError(t, up.send(`{"a":1}#1`))
		for c, want := range map[*client]string{
			plain:        "data: {\"a\":1}\nid: 1\n\n",
			chunked:      "15\r\ndata: {\"a\":1}\nid: 1\n\n\r\n",
			lines:        "{\"a\":1}\n",
			chunkedLines: "8\r\n{\"a\":1}\n\r\n",
		} {
			pieces, _ := c.Peek(nil, testLimit)
			require.Len(t, pieces, 1)
			assert.Equal(t, want, string(pieces[0]))
		}
		one, _ := plain.Peek(nil, testLimit)
		other, _ := second.Peek(nil, testLimit)
		assert.Same(t, unsafe.SliceData(one[0]), unsafe.SliceData(other[0]), "made once")
	})
}

func TestWatchersAreToldUntilTheyStop(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		assert.Same(t, c.Topic(), w.join(fanout.Newcomer{}).Topic())
		first, second := 0, 0
		stop := c.Topic().Watch(func() { first++ })
		defer c.Topic().Watch(func() { second++ })()
		require.NoError(t, up.send("a"))
		stop()
		stop()
		require.NoError(t, up.send("b"))
		assert.Equal(t, 1, first)
		assert.Equal(t, 2, second)
		up.end(reading.Over, "done")
		assert.Equal(t, 3, second)
	})
}

func TestAWatcherMayStopFromWithin(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		calls := 0
		var stop func()
		stop = c.Topic().Watch(func() {
			calls++
			stop()
			c.Close()
		})
		require.NoError(t, up.send("a", "b"))
		assert.Equal(t, 1, calls)
	})
}

func TestReadingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c, up := w.live()
		pieces := make([][]byte, 0, 100)
		assert.Zero(t, testing.AllocsPerRun(100, func() { c.Peek(pieces, testLimit) }), "at the end")
		require.NoError(t, up.send("a", "b", "c"))
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			c.Peek(pieces, testLimit)
			c.Advance(0)
		}))
	})
}

func TestSubscribersAreSmall(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(fanout.Subscriber{}), uintptr(112))
}

func TestSubscribersOfManyThreads(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}, func(w *world) {
		_, up := w.live()
		done := make(chan struct{})
		for range 8 {
			go func() {
				defer func() { done <- struct{}{} }()
				for range 50 {
					s, err := w.registry.Join("key", fanout.Newcomer{}, nil)
					if err != nil {
						return
					}
					stop := s.Topic().Watch(func() { s.Overdue(0, true) })
					for range 5 {
						pieces, _ := s.Peek(nil, testLimit)
						s.Advance(len(pieces))
					}
					stop()
					s.Close()
				}
			}()
		}
		for range 300 {
			require.NoError(t, up.send("a@a", "b@b", "c"))
		}
		for range 8 {
			<-done
		}
		synctest.Wait()
	})
}
