package fanout_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// opened returns the new upstream streams: that of the log, or nil, and those of catch-ups by their cursors.
func (w *world) opened() (log *attempt, catchUps map[string]*attempt) {
	catchUps = map[string]*attempt{}
	for at := w.upstream.next(); at != nil; at = w.upstream.next() {
		if at.CatchingUp {
			catchUps[at.Cursor] = at
		} else {
			log = at
		}
	}
	return log, catchUps
}

func cursorsOf(catchUps map[string]*attempt) (cursors []string) {
	for cursor := range catchUps {
		cursors = append(cursors, cursor)
	}
	slices.Sort(cursors)
	return cursors
}

func TestAFewCatchUpsAreReadAtOnce(t *testing.T) {
	s := resumable()
	s.CatchUps = 2
	inWorld(t, s, func(w *world) {
		var clients []*client
		for i := range 5 {
			clients = append(clients, w.join(from(strconv.Itoa(i))))
		}
		log, ups := w.opened()
		log.accept()
		assert.Equal(t, []string{"0", "1"}, cursorsOf(ups), "in the order of their arrival")

		passSnapshot()
		require.NoError(t, log.send("a#10", "b#11"))
		assert.Error(t, ups["0"].send("a#10", "b#11"))
		_, next := w.opened()
		assert.Equal(t, []string{"2"}, cursorsOf(next), "one that has met gives its turn on at once")

		ups["1"].end(reading.Refused, "no")
		assert.Equal(t, []string{`reset: invalid "1"`}, clients[1].read()[:1])
		after(time.Second - time.Millisecond)
		_, none := w.opened()
		assert.Empty(t, none, "another one keeps its turn for a second")
		after(time.Millisecond)
		_, next = w.opened()
		assert.Equal(t, []string{"3"}, cursorsOf(next))

		clients[4].Close()
		assert.Error(t, next["3"].send("a#10", "b#11"))
		_, none = w.opened()
		assert.Empty(t, none, "the last one does not wait any more")
	})
}

// Callers who come again and again with ids that are refused open few upstream streams, whether they wait for the answer or not.
func TestClientsInALoopOpenFewCatchUps(t *testing.T) {
	for name, leave := range map[string]bool{"refused": false, "left at once": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, resumable(), func(w *world) {
				_, log := w.live()
				opens := 0
				for i := range 2000 {
					c := w.join(from(fmt.Sprint("m", i)))
					_, ups := w.opened()
					opens += len(ups)
					for _, up := range ups {
						if !leave {
							up.end(reading.Refused, "no")
						}
					}
					c.Close()
					after(5 * time.Millisecond)
				}
				assert.LessOrEqual(t, opens, 4*(10+1))
				assert.Greater(t, opens, 4*9)
				honest := w.join(fanout.Newcomer{})
				require.NoError(t, log.send("a#1"))
				assert.Equal(t, []string{"a"}, honest.read())
			})
		})
	}
}

func TestATurnIsWaitedForSomeTime(t *testing.T) {
	s := resumable()
	s.CatchUps = 1
	inWorld(t, s, func(w *world) {
		_, log := w.live()
		w.join(from("1"))
		waits := w.join(from("2"))
		after(10*time.Second - time.Millisecond)
		assert.Empty(t, waits.read())
		require.NoError(t, log.send("a#10"))
		assert.Empty(t, waits.read(), "the log is not what follows its id")
		after(time.Millisecond)
		assert.Equal(t, `reset: expired "2"`, waits.read()[0])
	})
}

func TestARefusedIDIsRememberedForAWhile(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		w.join(from("7"))
		_, ups := w.opened()
		ups["7"].end(reading.Refused, "no")
		assert.Equal(t, `reset: invalid "7"`, w.join(from("7")).read()[0])
		_, ups = w.opened()
		assert.Empty(t, ups)

		passSnapshot()
		require.NoError(t, log.send("a#7", "b#8"))
		assert.Equal(t, []string{"b"}, w.join(from("7")).read(), "the log has it now")
		require.NoError(t, log.send("c#9"))

		w.join(from("8x"))
		_, ups = w.opened()
		ups["8x"].end(reading.Refused, "no")
		after(10 * time.Second)
		w.join(from("8x"))
		_, ups = w.opened()
		assert.Len(t, ups, 1, "the upstream is asked again")
	})
}

func TestSubscribersWithTheSameIDShareACatchUp(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		same, other := w.join(from("1")), w.join(from("2"))
		_, ups := w.opened()
		assert.Equal(t, []string{"2"}, cursorsOf(ups))
		passSnapshot()
		require.NoError(t, w.up.send("b#2", "c#3"))
		assert.Equal(t, []string{"b", "c"}, same.read())
		assert.Empty(t, other.read(), "an id in a catch-up may stand at a wrong place")

		require.NoError(t, w.log.send("c#3", "d#4"))
		assert.Error(t, w.up.send("d#4"))
		require.NoError(t, w.log.send("e#5"))
		late := w.join(from("1"))
		assert.Equal(t, []string{"b", "c", "d", "e"}, late.read(), "one that has met is kept")
		assert.Equal(t, []string{"b", "c", "d", "e"}, w.c.read())
		assert.Equal(t, []string{"d", "e"}, same.read())

		after(10 * time.Second)
		w.join(from("1"))
		_, ups = w.opened()
		assert.Equal(t, []string{"1"}, cursorsOf(ups), "for its time")
	})
}

// A subscriber does not join a kept catch-up where the log has evicted the events that follow it.
func TestAKeptCatchUpWithoutItsPlaceIsNotJoined(t *testing.T) {
	s := resumable()
	s.Bounds = replay.Bounds{Events: 4}
	catchingUp(t, s, "1", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.log.send("b#2", "c#3"))
		assert.Error(t, w.up.send("b#2", "c#3"))
		assert.Equal(t, []string{"b", "c"}, w.c.read())
		require.NoError(t, w.log.send("d#4", "e#5", "f#6"))
		w.join(from("1"))
		_, ups := w.opened()
		assert.Equal(t, []string{"1"}, cursorsOf(ups))
	})
}

func TestTheLastOneToLeaveEndsACatchUp(t *testing.T) {
	for name, started := range map[string]bool{"while it is read": true, "while it waits for its turn": false} {
		t.Run(name, func(t *testing.T) {
			s := resumable()
			s.CatchUps = 1
			catchingUp(t, s, "1", func(w *caught) {
				id := "1"
				if !started {
					id = "2"
				}
				first, second := w.join(from(id)), w.join(from(id))
				if started {
					w.c.Close()
				}
				first.Close()
				synctest.Wait()
				assert.NoError(t, w.up.ctx.Err())
				second.Close()
				synctest.Wait()
				assert.Equal(t, started, w.up.ctx.Err() != nil)
				if started {
					assert.Equal(t, []string{"left after 0s"}, w.outcomes)
				}
				assert.Zero(t, w.registry.Bytes())
			})
		})
	}
}

func TestASubscriberThatReadsSlowlyFromACatchUp(t *testing.T) {
	for name, tt := range map[string]struct {
		events int
		want   []string
	}{
		"the log still has its place": {3, []string{"b", "c", "e0", "e1", "e2"}},
		"the log has overtaken it":    {10, []string{"b", "end: slow"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := resumable()
			s.Bounds = replay.Bounds{Events: 6}
			catchingUp(t, s, "1", func(w *caught) {
				passSnapshot()
				require.NoError(t, w.log.send("a#1", "b#2", "c#3"))
				require.NoError(t, w.up.send("aa#x"))
				_ = w.up.send("b#2", "c#3")
				for i := range tt.events {
					require.NoError(t, w.log.send(fmt.Sprintf("e%d#%d", i, 10+i)))
				}
				assert.Equal(t, append([]string{"aa"}, tt.want...), w.c.read())
			})
		})
	}
}

// A catch-up that has met does not hold its events for a client that takes none.
func TestACatchUpThatHasMetIsReadInTime(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.log.send("c#3", "d#4"))
		assert.Error(t, w.up.send("b#2", "c#3", "d#4"))
		late := w.join(from("1"))
		assert.Equal(t, []string{"b", "c", "d"}, late.read())
		after(20 * time.Second)
		assert.Equal(t, `reset: expired "1"`, w.c.read()[0])
	})
}

func TestCatchUpsMakeRoomForTheLog(t *testing.T) {
	inLimits(t, 20_000, resumable(), func(w *world, evicted *[]string) {
		_, log := w.live()
		passSnapshot()
		c := w.join(from("1"))
		_, ups := w.opened()
		for i := range 10 {
			require.NoError(t, ups["1"].send(fmt.Sprint(kilobyte, "#", 2+i)))
		}
		assert.Len(t, c.read(), 10)
		for i := range 10 {
			require.NoError(t, log.send(fmt.Sprint(kilobyte, "#", 100+i)))
			assert.LessOrEqual(t, w.registry.Bytes(), int64(20_000))
		}
		assert.Equal(t, `reset: expired "11"`, c.read()[0])
		assert.Len(t, w.join(from("100")).read(), 9, "the log has given up nothing")
		assert.Empty(t, *evicted)
	})
}

func TestACatchUpHasNoRoomWhereTheLogTakesAll(t *testing.T) {
	inLimits(t, 20_000, resumable(), func(w *world, _ *[]string) {
		_, log := w.live()
		passSnapshot()
		for i := range 10 {
			require.NoError(t, log.send(fmt.Sprint(kilobyte, "#", 100+i)))
		}
		c := w.join(from("1"))
		_, ups := w.opened()
		sent := 0
		for ; ups["1"].ctx.Err() == nil && sent < 20; sent++ {
			_ = ups["1"].send(fmt.Sprint(kilobyte, "#", 2+sent))
			synctest.Wait()
		}
		assert.Less(t, sent, 12)
		got := c.read()
		assert.Equal(t, `reset: expired "1"`, got[0])
		assert.Len(t, w.join(from("100")).read(), 9, "the log has given up nothing")
	})
}

// Those that are kept hold no more together than the log may hold.
func TestKeptCatchUpsAreBounded(t *testing.T) {
	s := resumable()
	s.Bounds = replay.Bounds{Bytes: 10_000}
	inWorld(t, s, func(w *world) {
		_, log := w.live()
		passSnapshot()
		require.NoError(t, log.send("a#100", "b#101"))
		for i := range 4 {
			c := w.join(from(strconv.Itoa(i)))
			_, ups := w.opened()
			for j := range 3 {
				require.NoError(t, ups[strconv.Itoa(i)].send(fmt.Sprintf("%s#%d-%d", kilobyte, i, j)))
			}
			assert.Error(t, ups[strconv.Itoa(i)].send("a#100", "b#101"))
			assert.Len(t, c.read(), 5)
			c.Close()
		}
		assert.Less(t, w.registry.Bytes(), int64(12_000))
		w.join(from("3"))
		_, ups := w.opened()
		assert.Empty(t, ups, "the newest is kept")
		w.join(from("0"))
		_, ups = w.opened()
		assert.Len(t, ups, 1, "the oldest is given up first")
	})
}

func TestANewEpochAndACatchUp(t *testing.T) {
	s := resumable()
	s.LateJoin = fanout.LateJoin{Mode: fanout.All}
	newEpoch := func(w *caught) {
		w.log.end(reading.Broken, "broken")
		up := w.newest()
		require.True(t, up.HasCursor)
		up.end(reading.Refused, "no")
		w.log = w.newest()
		require.False(t, w.log.HasCursor)
		w.log.accept()
		passSnapshot()
	}
	t.Run("one that runs meets the new one", func(t *testing.T) {
		catchingUp(t, s, "1", func(w *caught) {
			passSnapshot()
			require.NoError(t, w.log.send("c#3"))
			require.NoError(t, w.up.send("b#2"))
			newEpoch(w)
			require.NoError(t, w.log.send("d#4", "e#5"))
			require.NoError(t, w.up.send("c#3", "d#4"))
			assert.Error(t, w.up.send("e#5"))
			assert.Equal(t, []string{"b", "c", "d", "e"}, w.c.read())
		})
	})
	t.Run("one that has met tells its subscribers", func(t *testing.T) {
		catchingUp(t, s, "1", func(w *caught) {
			passSnapshot()
			require.NoError(t, w.log.send("c#3", "d#4"))
			assert.Error(t, w.up.send("b#2", "c#3", "d#4"))
			newEpoch(w)
			require.NoError(t, w.log.send("f#6"))
			assert.Equal(t, []string{"b", "c", `reset: epoch "3"`, "f"}, w.c.read())
			w.join(from("1"))
			_, ups := w.opened()
			assert.Len(t, ups, 1, "it is not joined any more")
		})
	})
}

func TestWhatTheStreamTellsASubscriberThatCatchesUp(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.log.send("c#3"))
		require.NoError(t, w.up.send("b#2"))
		w.log.end(reading.Broken, "broken")
		rang := 0
		defer w.c.Topic().Watch(func() { rang++ })()
		after(reading.StaleAfter)
		assert.NotZero(t, rang)
		got := strings.Join(w.c.read(), ", ")
		assert.True(t, strings.HasPrefix(got, "b, stale: "), got)
		rang = 0
		w.newest().accept()
		assert.NotZero(t, rang)
		assert.Contains(t, w.c.read()[0], "live")
	})
}

// NDJSON has no place for notices: a subscriber is silently a newcomer after a catch-up that has failed.
func TestACatchUpInLines(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		c := w.join(fanout.Newcomer{LastEventID: "1", Lines: true})
		_, ups := w.opened()
		require.NoError(t, ups["1"].send("b#2"))
		assert.Equal(t, []string{"b"}, c.read())
		ups["1"].end(reading.Over, "no")
		after(10 * time.Second)
		assert.Empty(t, c.read())
		require.NoError(t, log.send("d#4"))
		assert.Equal(t, []string{"d"}, c.read())
	})
}

// The first event after a change from a catch-up to the log refers to no other, and no batch holds events of both.
func TestEventsReferToNothingAcrossAHandOver(t *testing.T) {
	gzip := frame.Form{Encoding: frame.Gzip}
	inWorld(t, resumable(), func(w *world) {
		_, log := w.live()
		s := w.join(fanout.Newcomer{LastEventID: "1", Form: gzip}).Subscriber
		_, ups := w.opened()
		up := ups["1"]
		passSnapshot()
		blocks := map[string]*frame.Frame{}
		for i, text := range []string{"a", "b", "c", "d", "e"} {
			blocks[text] = frame.New(fmt.Appendf(nil, "data: %s\nid: %d\n\n", text, 1+i), 0)
		}
		peek := func() [][]byte {
			pieces, _ := s.Peek(nil, testLimit)
			return pieces
		}
		require.NoError(t, up.send("b#2", "c#3"))
		assert.Equal(t, [][]byte{blocks["b"].Bytes(gzip), blocks["c"].After(blocks["b"], gzip)}, peek())
		s.Advance(1)
		assert.Equal(t, [][]byte{blocks["c"].After(blocks["b"], gzip)}, peek())
		s.Interjected()
		assert.Equal(t, [][]byte{blocks["c"].Bytes(gzip)}, peek())
		require.NoError(t, log.send("c#3", "d#4", "e#5"))
		assert.Error(t, up.send("d#4"))
		s.Advance(1)
		assert.Equal(t, [][]byte{blocks["d"].Bytes(gzip), blocks["e"].After(blocks["d"], gzip)}, peek())
	})
}
