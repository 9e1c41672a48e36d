package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// resumable are the settings of a stream with catch-ups.
func resumable() fanout.Settings {
	return fanout.Settings{HasID: true, Resumes: true, CatchUps: 4}
}

// caught is a world in which a subscriber catches up.
type caught struct {
	*world
	c        *client  // with the id
	log      *attempt // the upstream of the stream
	up       *attempt // the upstream of the catch-up
	outcomes []string
}

// catchingUp runs a test in which a subscriber with an id has joined a stream that has just begun. Both upstreams have accepted.
func catchingUp(t *testing.T, s fanout.Settings, id string, test func(w *caught)) {
	t.Helper()
	inWorld(t, s, func(w *world) {
		x := &caught{world: w}
		running := 0
		w.registry.Hooks.CatchUpBegan = func(string) { running++ }
		w.registry.Hooks.CatchUpEnded = func(_ string, o fanout.Outcome, lasted time.Duration) {
			running--
			x.outcomes = append(x.outcomes, fmt.Sprintf("%s after %v", o, lasted.Round(time.Second)))
		}
		x.c = w.join(from(id))
		for range 2 {
			if up := w.upstream.next(); up.CatchingUp {
				x.up = up
			} else {
				x.log = up
			}
		}
		require.Equal(t, id, x.up.Cursor)
		require.False(t, x.log.HasCursor)
		x.log.accept()
		x.up.accept()
		test(x)
		for _, c := range w.clients {
			c.Close()
		}
		assert.Zero(t, running)
	})
}

// passSnapshot lets the time pass in which the log's ids are not sure.
func passSnapshot() { after(300 * time.Millisecond) }

func TestACatchUpMeetsTheLog(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(w *caught)
		want []string
	}{
		"the catch-up finds the log": {func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.log.send("d#4", "e#5", "f#6"))
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4"))
			assert.Error(w.t, w.up.send("e#5"), "its neighbour is in the log")
		}, []string{"b", "c", "d", "e", "f"}},
		"the log finds the catch-up": {func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.log.send("d#4"))
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4", "e#5"))
			require.NoError(w.t, w.log.send("e#5", "f#6"))
		}, []string{"b", "c", "d", "e", "f"}},
		"the subscriber is ahead of the log": {func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.log.send("d#4"))
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4", "e#5", "f#6"))
			assert.Equal(w.t, []string{"b", "c", "d", "e", "f"}, w.c.read())
			require.NoError(w.t, w.log.send("e#5"))
			assert.Empty(w.t, w.c.read())
			require.NoError(w.t, w.log.send("f#6"))
			assert.Empty(w.t, w.c.read())
			require.NoError(w.t, w.log.send("g#7"))
		}, []string{"g"}},
		"the log goes on otherwise than the catch-up": {func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.log.send("d#4"))
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4", "e#5", "f#6"))
			assert.Equal(w.t, []string{"b", "c", "d", "e", "f"}, w.c.read())
			require.NoError(w.t, w.log.send("e#5", "x#9", "g#7"))
		}, []string{`reset: expired "6"`, "cursor: {}"}},
		"the log's first ids are a snapshot": {func(w *caught) {
			require.NoError(w.t, w.log.send("d#4", "c#3")) // in no order
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4"))
			passSnapshot()
			require.NoError(w.t, w.log.send("e#5"))
			require.NoError(w.t, w.up.send("e#5"))
			require.NoError(w.t, w.log.send("f#6"))
			assert.Error(w.t, w.up.send("f#6"))
			require.NoError(w.t, w.log.send("g#7"))
		}, []string{"b", "c", "d", "e", "f", "g"}},
		"several messages have one id": {func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.log.send("c1#3", "c2#3"))
			require.NoError(w.t, w.up.send("b#2", "c1#3", "c2#3"))
			require.NoError(w.t, w.log.send("d#4"))
			assert.Error(w.t, w.up.send("d#4"))
			require.NoError(w.t, w.log.send("e#5"))
		}, []string{"b", "c1", "c2", "d", "e"}},
		"nothing follows the id but what the log has": {func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.log.send("a#1", "b#2"))
			assert.Error(w.t, w.up.send("b#2"))
		}, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			catchingUp(t, resumable(), "1", func(w *caught) {
				tt.do(w)
				assert.Equal(t, tt.want, w.c.read())
				assert.Equal(t, w.c.Topic(), w.join(fanout.Newcomer{}).Topic(), "it reads the log")
				after(time.Second)
				assert.EqualValues(t, 1, w.upstream.open.Load())
				assert.Equal(t, []string{"met after 0s"}, w.outcomes)
			})
		})
	}
}

func TestACatchUpOfAQuietStream(t *testing.T) {
	for name, tt := range map[string]struct {
		do     func(w *caught)
		before []string
		want   string
	}{
		"nothing comes":                     {func(*caught) {}, nil, "quiet after 10s"},
		"the same event came last in both":  {func(w *caught) { w.both("b#2") }, []string{"b"}, "quiet after 10s"},
		"the log has an event, it has none": {func(w *caught) { require.NoError(w.t, w.log.send("b#2")) }, nil, "expired after 10s"},
		"it has an event, the log has none": {func(w *caught) { require.NoError(w.t, w.up.send("b#2")) }, []string{"b"}, "expired after 10s"},
		"their last events differ": {func(w *caught) {
			w.both("b#2")
			w.log.do(func() *reading.Result { return nil })
			require.NoError(w.t, w.log.send("c#3"))
		}, []string{"b"}, "expired after 10s"},
		"its upstream stream has just begun": {func(w *caught) { after(5 * time.Second); w.up.end(reading.Broken, "broken"); after(time.Second) }, nil, "expired after 10s"},
		"its upstream has ended":             {func(w *caught) { w.up.end(reading.Over, "done") }, nil, "expired after 10s"},
		"its upstream stream began long ago": {func(w *caught) { after(time.Second); w.up.end(reading.Broken, "broken"); after(time.Second) }, nil, "quiet after 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			catchingUp(t, resumable(), "1", func(w *caught) {
				tt.do(w)
				assert.Equal(t, tt.before, w.c.read())
				after(10 * time.Second)
				require.NoError(t, w.log.send("z#9"))
				got := w.c.read()
				if tt.want == "quiet after 10s" {
					assert.Equal(t, []string{"z"}, got)
				} else {
					assert.Contains(t, got[0], "reset: expired")
				}
				assert.Equal(t, []string{tt.want}, w.outcomes)
			})
		})
	}
}

func (w *caught) both(event string) {
	require.NoError(w.t, w.log.send(event))
	require.NoError(w.t, w.up.send(event))
}

// A subscriber of a stream whose upstream has not spoken yet begins with the log's first event.
func TestACatchUpIsQuietBeforeTheLogBegins(t *testing.T) {
	for name, tt := range map[string]struct {
		end  bool
		want []string
	}{"the log begins": {false, []string{"b", "c"}}, "the stream ends": {true, []string{"end: done"}}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, resumable(), func(w *world) {
				c := w.join(from("1"))
				log, up := w.upstream.next(), w.upstream.next()
				if log.CatchingUp {
					log, up = up, log
				}
				after(30 * time.Second)
				require.Error(t, up.ctx.Err())
				assert.Empty(t, c.read())
				if tt.end {
					log.end(reading.Over, "done")
				} else {
					require.NoError(t, log.send("b#2", "c#3"))
				}
				assert.Equal(t, tt.want, c.read())
			})
		})
	}
}

func TestHowACatchUpFails(t *testing.T) {
	small := resumable()
	small.Bounds = replay.Bounds{Events: 3}
	bytes := resumable()
	bytes.Bounds = replay.Bounds{Bytes: 2000}
	for name, tt := range map[string]struct {
		settings fanout.Settings
		do       func(w *caught)
		want     []string
		outcome  string
	}{
		"the id is refused": {resumable(), func(w *caught) { w.up.end(reading.Refused, "no") },
			[]string{`reset: invalid "1"`}, "invalid after 0s"},
		"it is refused after an event": {resumable(), func(w *caught) {
			require.NoError(w.t, w.up.send("b#2"))
			w.up.end(reading.Refused, "no")
			after(10 * time.Second)
		}, []string{`reset: expired "1"`}, "expired after 10s"},
		"its upstream has no slot for it": {resumable(), func(w *caught) { w.up.end(reading.Over, ending.ByLimit) },
			[]string{`reset: expired "1"`}, "expired after 0s"},
		"its upstream has no slot for it to go on": {resumable(), func(w *caught) {
			passSnapshot()
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4"))
			w.up.end(reading.Over, ending.ByLimit)
			require.NoError(w.t, w.log.send("c#3", "d#4"))
		}, []string{"b", "c", "d"}, "met after 0s"},
		"its upstream ends and the stream lives": {resumable(), func(w *caught) {
			w.up.end(reading.Over, "done")
			assert.Empty(w.t, w.c.read())
			after(10 * time.Second)
		}, []string{`reset: expired "1"`}, "expired after 10s"},
		"its upstream ends and then the stream": {resumable(), func(w *caught) {
			require.NoError(w.t, w.up.send("b#2"))
			w.up.end(reading.Over, "its own")
			w.log.end(reading.Over, "the other")
		}, []string{"b", "end: its own"}, "ended after 0s"},
		"the stream ends and then its upstream": {resumable(), func(w *caught) {
			w.log.end(reading.Over, "the other")
			require.NoError(w.t, w.up.send("b#2"))
			w.up.end(reading.Over, "its own")
		}, []string{"b", "end: its own"}, "ended after 0s"},
		"the stream ends and its upstream does not": {resumable(), func(w *caught) {
			require.NoError(w.t, w.log.send("b#2"))
			w.log.end(reading.Over, "the other")
			after(10 * time.Second)
		}, []string{`reset: expired "1"`, "end: the other"}, "expired after 10s"},
		"the stream ends and nothing follows the id": {resumable(), func(w *caught) {
			w.log.end(reading.Over, "the other")
			after(10 * time.Second)
		}, []string{"end: the other"}, "quiet after 10s"},
		"it brings more events than the log may hold": {small, func(w *caught) {
			require.NoError(w.t, w.up.send("b#2", "c#3", "d#4"))
			assert.Error(w.t, w.up.send("e#5"))
		}, []string{`reset: expired "1"`}, "too_large after 0s"},
		"it brings more bytes than the log may hold": {bytes, func(w *caught) {
			require.NoError(w.t, w.up.send("b#2"))
			assert.Error(w.t, w.up.send(kilobyte+"#3", kilobyte+"#4"))
		}, []string{`reset: expired "1"`}, "too_large after 0s"},
		"the registry closes": {resumable(), func(w *caught) {
			require.NoError(w.t, w.up.send("b#2"))
			w.registry.Close(closed())
		}, []string{"b", "end: closed"}, "ended after 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			catchingUp(t, tt.settings, "1", func(w *caught) {
				tt.do(w)
				assert.Equal(t, tt.want, w.c.read())
				assert.Equal(t, []string{tt.outcome}, w.outcomes)
			})
		})
	}
}

// Where the upstream is down, a subscriber is told the end of the stream as any other. It comes back with the id that it has.
func TestACatchUpEndsWithAStreamThatCouldNotBeOpened(t *testing.T) {
	for name, answered := range map[string]bool{"its upstream has not answered": false, "its upstream is down too": true} {
		t.Run(name, func(t *testing.T) {
			s := resumable()
			s.CatchUps = 1
			inWorld(t, s, func(w *world) {
				c, waits := w.join(from("1")), w.join(from("2"))
				log, ups := w.opened()
				if answered {
					ups["1"].end(reading.Broken, "its own")
				}
				assert.False(t, c.Opened())
				log.end(reading.Broken, "unavailable")
				for _, c := range []*client{c, waits} {
					assert.True(t, c.Opened())
					assert.Equal(t, []string{"end: unavailable"}, c.read())
				}
				after(time.Minute)
				assert.Nil(t, w.upstream.next(), "nothing is opened for them")
			})
		})
	}
}

func TestACatchUpIsOpenedAgainWhereItBreaks(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.up.send("b#2", "c#3"))
		w.up.end(reading.Broken, "broken")
		up := w.newest()
		assert.Equal(t, reading.Attempt{Cursor: "3", HasCursor: true, Reopening: true, CatchingUp: true}, up.Attempt)
		require.NoError(t, w.log.send("d#4", "e#5"))
		assert.Error(t, up.send("d#4", "e#5"))
		assert.Equal(t, []string{"b", "c", "d", "e"}, w.c.read())
	})
}

// Its first upstream stream, too, is opened again. A message without an id may stand at the end of what it has brought: then no
// cursor says where to go on.
func TestWhetherACatchUpThatBrokeIsOpenedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		events []string
		want   bool
	}{"before it was accepted": {nil, true}, "behind an event without an id": {[]string{"b#2", "c"}, false}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, resumable(), func(w *world) {
				_, _ = w.live()
				w.join(from("1"))
				_, ups := w.opened()
				if len(tt.events) > 0 {
					require.NoError(t, ups["1"].send(tt.events...))
				}
				ups["1"].end(reading.Broken, "broken")
				after(5 * time.Second)
				_, ups = w.opened()
				assert.Equal(t, tt.want, ups["1"] != nil)
			})
		})
	}
}

func TestCatchUpsOfAStreamThatEnds(t *testing.T) {
	comesBack := &ending.Ending{Code: ending.Unavailable, Reason: "come back", Retry: true}
	for name, tt := range map[string]struct {
		end  *ending.Ending
		want [2][]string // of the one whose upstream stream broke, and of the one that waits for its turn
	}{
		"for good":    {because("done"), [2][]string{{"b", "end: done"}, {"c", "end: its own"}}},
		"for a while": {comesBack, [2][]string{{"b", "end: come back"}, {"end: come back"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := resumable()
			s.CatchUps = 1
			catchingUp(t, s, "1", func(w *caught) {
				waits := w.join(from("2"))
				require.NoError(t, w.up.send("b#2"))
				w.up.end(reading.Broken, "broken")
				w.log.endAs(reading.Over, tt.end)
				assert.Equal(t, tt.want[0], w.c.read())
				after(2 * time.Second)
				if _, ups := w.opened(); ups["2"] != nil {
					require.NoError(t, ups["2"].send("c#3"))
					ups["2"].end(reading.Over, "its own")
				}
				assert.Equal(t, tt.want[1], waits.read())
			})
		})
	}
}
