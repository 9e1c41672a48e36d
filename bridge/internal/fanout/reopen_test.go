package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestAnUpstreamWithACursorIsReopenedUnnoticed(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1", "b#~two words"))
		up.end(reading.Broken, "unavailable")
		assert.Nil(t, w.upstream.next(), "not at once")
		after(120 * time.Millisecond)
		up = w.upstream.next()
		require.NotNil(t, up)
		assert.Equal(t, reading.Attempt{Cursor: "~two words", HasCursor: true, Reopening: true}, up.Attempt)
		require.NoError(t, up.send("c#3"))
		assert.Equal(t, []string{"a", "b", "c"}, c.read())
		assert.Equal(t, []string{"b", "c"}, w.join(from("1")).read())
	})
}

func TestContinuityIsLostWithoutACursor(t *testing.T) {
	for name, tc := range map[string]struct {
		settings fanout.Settings
		events   []string
		last     string
	}{
		"an upstream that takes none":    {fanout.Settings{HasID: true}, []string{"a#1"}, "1"},
		"events without ids":             {fanout.Settings{Resumes: true}, []string{"a"}, ""},
		"a newest event without id":      {fanout.Settings{HasID: true, Resumes: true}, []string{"a#1", "b"}, "1"},
		"a newest event whose id is not": {fanout.Settings{HasID: true, Resumes: true}, []string{"a#1", "b#" + longID}, "1"},
		"no event":                       {fanout.Settings{HasID: true, Resumes: true}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tc.settings, func(w *world) {
				c, up := w.live()
				require.NoError(t, up.send(tc.events...))
				c.read()
				if name == "events without ids" {
					tc.last = c.lastID
				}
				up.end(reading.Broken, "unavailable")
				after(120 * time.Millisecond)
				up = w.upstream.next()
				assert.Equal(t, reading.Attempt{Reopening: true}, up.Attempt)
				require.NoError(t, up.send("x#7", "y#8"))
				assert.Equal(t, []string{`reset: epoch "` + tc.last + `"`, "x", "y"}, c.read())
			})
		})
	}
}

const longID = "01234567890123456789012345678901234567890123456789012345678901234567890123456789" +
	"0123456789012345678901234567890123456789012345678"

func TestTheOldEpochServesUntilTheUpstreamAccepts(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.Latest}}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a", "b"))
		c.read()
		up.end(reading.Broken, "unavailable")
		after(120 * time.Millisecond)
		up = w.upstream.next()
		late := w.join(fanout.Newcomer{})
		assert.Equal(t, []string{"b"}, late.read())
		unread := w.join(fanout.Newcomer{})

		up.accept()
		require.NoError(t, up.send("x", "y"))
		assert.Equal(t, []string{resetOf("epoch", c), "x", "y"}, c.read())
		assert.Equal(t, []string{resetOf("epoch", late), "x", "y"}, late.read())
		assert.Equal(t, []string{"x", "y"}, unread.read(), "it was given nothing of the old one")
		assert.Equal(t, []string{`reset: epoch "aaaaaaaa-1"`, "y"}, w.join(from("aaaaaaaa-1")).read())
	})
}

func TestANewEpochWhoseBeginningIsGoneIsJoinedLate(t *testing.T) {
	s := fanout.Settings{Bounds: replay.Bounds{Events: 2}, LateJoin: fanout.LateJoin{Mode: fanout.Latest}}
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a"))
		c.read()
		up.end(reading.Broken, "unavailable")
		after(120 * time.Millisecond)
		require.NoError(t, w.upstream.next().send("x", "y", "z"))
		assert.Equal(t, []string{resetOf("epoch", c), "z"}, c.read())
	})
}

func TestARefusalIsAnEndWithoutACursorOrAfterAnEvent(t *testing.T) {
	for name, events := range map[string][]string{"no cursor": nil, "an event": {"b#2"}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
				c := w.join(fanout.Newcomer{})
				up := w.upstream.next()
				want := []string{"end: out of range"}
				if events != nil {
					require.NoError(t, up.send("a#1"))
					up.end(reading.Broken, "unavailable")
					up = w.newest()
					require.True(t, up.HasCursor)
					require.NoError(t, up.send(events...))
					want = []string{"a", "b", "end: out of range"}
				}
				up.end(reading.Refused, "out of range")
				assert.Nil(t, w.upstream.next())
				assert.Equal(t, want, c.read())
			})
		})
	}
}

func TestACursorThatIsRefusedWhenReopeningIsANewEpoch(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		c.read()
		up.end(reading.Broken, "unavailable")
		after(120 * time.Millisecond)
		w.upstream.next().end(reading.Refused, "out of range")
		up = w.upstream.next()
		assert.Equal(t, reading.Attempt{Reopening: true}, up.Attempt)
		require.NoError(t, up.send("x#7"))
		assert.Equal(t, []string{`reset: epoch "1"`, "x"}, c.read())
	})
}

func TestAnEndWhileReopeningIsTheEnd(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		up.end(reading.Broken, "unavailable")
		after(120 * time.Millisecond)
		w.upstream.next().end(reading.Over, "unauthenticated")
		assert.Equal(t, []string{"end: unauthenticated"}, c.read())
		assert.Zero(t, w.registry.Streams())
	})
}

func TestAttemptsAreSpacedAndCounted(t *testing.T) {
	s := fanout.Settings{Backoff: backoff.Policy{Base: time.Second, Max: 3 * time.Second, Attempts: 4}}
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		began := time.Now()
		var at []time.Duration
		for up != nil {
			up.end(reading.Broken, "unavailable")
			after(4 * time.Second)
			if up = w.upstream.next(); up != nil {
				at = append(at, time.Since(began))
			}
		}
		assert.Len(t, at, 4)
		assert.Equal(t, []string{"end: unavailable"}, c.read())
		assert.Zero(t, w.registry.Streams())
	})
}

// TestAnUpstreamThatBringsALittleAndFailsIsOpenedLessAndLessOften: an upstream that was asked once every Base would not
// recover.
func TestAnUpstreamThatBringsALittleAndFailsIsOpenedLessAndLessOften(t *testing.T) {
	for name, tt := range map[string]struct {
		stood time.Duration
		waits []time.Duration
	}{
		"at once":                 {0, []time.Duration{1, 2, 4, 5, 5, 5}},
		"before it has stood":     {5*time.Second - time.Millisecond, []time.Duration{1, 2, 4, 5, 5, 5}},
		"after it has stood":      {5 * time.Second, []time.Duration{1, 1, 1, 1}},
		"after it has long stood": {time.Hour, []time.Duration{1, 1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fanout.Settings{HasID: true, Resumes: true, Backoff: backoff.Policy{Base: time.Second, Max: 5 * time.Second}}
			inWorld(t, s, func(w *world) {
				_, up := w.live()
				for i, seconds := range tt.waits {
					require.NoError(t, up.send(fmt.Sprintf("a#%d", i)))
					after(tt.stood)
					up.end(reading.Broken, "unavailable")
					began := time.Now()
					up = w.newest()
					wait := seconds * time.Second
					assert.InDelta(t, wait, time.Since(began), float64(wait)/5+float64(100*time.Millisecond), "attempt %d", i)
				}
			})
		})
	}
}

// An upstream that ends in good order has not failed: `on_end: reopen` asks for the next stream at once, even after a short
// one.
func TestAnUpstreamThatEndsInGoodOrderIsOpenedAsOftenAsItEnds(t *testing.T) {
	s := fanout.Settings{HasID: true, Resumes: true, Backoff: backoff.Policy{Base: time.Second, Max: time.Minute, Attempts: 1}}
	inWorld(t, s, func(w *world) {
		_, up := w.live()
		for i := range 10 {
			require.NoError(t, up.send(fmt.Sprintf("a#%d", i)))
			up.endInGoodOrder()
			began := time.Now()
			up = w.newest()
			assert.InDelta(t, time.Second, time.Since(began), float64(300*time.Millisecond), "attempt %d", i)
		}
	})
}

func TestAnUpstreamStreamThatIsOldHasStood(t *testing.T) {
	s := fanout.Settings{HasID: true, Resumes: true, ReopenAfter: time.Hour, Backoff: backoff.Policy{Base: time.Second, Max: time.Minute, Attempts: 2}}
	inWorld(t, s, func(w *world) {
		_, up := w.live()
		for range 2 {
			require.NoError(t, up.send("a#1"))
			up.end(reading.Broken, "unavailable")
			up = w.newest()
		}
		require.NoError(t, up.send("b#2"))
		after(time.Hour)
		up = w.upstream.next()
		require.NotNil(t, up, "it was old")
		require.NoError(t, up.send("c#3"))
		up.end(reading.Broken, "unavailable")
		began := time.Now()
		require.NotNil(t, w.newest(), "the attempts before are none of this row")
		assert.Less(t, time.Since(began), 2*time.Second)
	})
}

func TestAnUpstreamStreamIsReopenedWhenItIsOld(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true, ReopenAfter: time.Hour}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		after(47 * time.Minute)
		require.NoError(t, up.ctx.Err())
		after(14 * time.Minute)
		require.Error(t, up.ctx.Err())
		up = w.upstream.next()
		assert.Equal(t, reading.Attempt{Cursor: "1", HasCursor: true, Reopening: true}, up.Attempt)
		require.NoError(t, up.send("b#2"))
		assert.Equal(t, []string{"a", "b"}, c.read())
	})
}

func TestAnOldUpstreamStreamWithoutACursorIsANewEpoch(t *testing.T) {
	inWorld(t, fanout.Settings{ReopenAfter: time.Hour}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a"))
		c.read()
		after(61 * time.Minute)
		require.NoError(t, w.upstream.next().send("x"))
		assert.Equal(t, []string{resetOf("epoch", c), "x"}, c.read())
		after(61 * time.Minute)
		require.NoError(t, w.upstream.next().send("y"), "and so on")
	})
}

func TestAnOldUpstreamStreamWithoutSubscribersIsForgotten(t *testing.T) {
	inWorld(t, fanout.Settings{ReopenAfter: time.Minute, Linger: time.Hour}, func(w *world) {
		c, _ := w.live()
		c.Close()
		after(2 * time.Minute)
		assert.Zero(t, w.registry.Streams())
		assert.Nil(t, w.upstream.next())
	})
}

func TestSubscribersAreToldThatTheUpstreamIsGone(t *testing.T) {
	s := fanout.Settings{HasID: true, Resumes: true, LateJoin: fanout.LateJoin{Mode: fanout.Latest}}
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		lines := w.join(fanout.Newcomer{Lines: true})
		require.NoError(t, up.send("a#1"))
		up.end(reading.Broken, "unavailable")
		after(reading.StaleAfter - time.Millisecond)
		assert.Equal(t, []string{"a"}, c.read())
		after(time.Millisecond)
		assert.Equal(t, []string{"stale: UNAVAILABLE"}, c.read())
		assert.Empty(t, c.read(), "once")
		assert.Equal(t, []string{"a", "stale: UNAVAILABLE"}, w.join(fanout.Newcomer{}).read())
		unaware := w.join(from("1"))

		require.NoError(t, w.newest().send("b#2"))
		assert.Equal(t, []string{"live: ", "b"}, c.read())
		assert.Equal(t, []string{"b"}, unaware.read(), "it never knew")
		assert.Equal(t, []string{"b"}, w.join(fanout.Newcomer{}).read())
		assert.Equal(t, []string{"a", "b"}, lines.read(), "one JSON message a line, and nothing else")
	})
}

func TestAShortGapIsNotWorthAWord(t *testing.T) {
	s := fanout.Settings{HasID: true, Resumes: true, Backoff: backoff.Policy{Base: 100 * time.Millisecond, Max: 800 * time.Millisecond}}
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		for range 100 {
			assert.Equal(t, []string{"a"}, c.read())
			up.end(reading.Broken, "unavailable")
			after(time.Second)
			up = w.upstream.next()
			up.accept()
			require.NoError(t, up.send("a#1"))
		}
	})
}

func TestTwoGapsInOne(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		up.end(reading.Broken, "first")
		after(reading.StaleAfter)
		assert.Equal(t, []string{"a", "stale: UNAVAILABLE"}, c.read())
		up = w.newest()
		require.NoError(t, up.send("b#2"))
		up.endAs(reading.Broken, &ending.Ending{Code: ending.Internal})
		after(reading.StaleAfter)
		assert.Equal(t, []string{"live: ", "b", "stale: INTERNAL"}, c.read())
		w.newest().end(reading.Over, "done")
		assert.Equal(t, []string{"end: done"}, c.read())
	})
}

func TestAResetFollowsTheWordThatEventsFlow(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1"))
		up.end(reading.Broken, "unavailable")
		after(reading.StaleAfter)
		c.read()
		require.NoError(t, w.newest().send("x#7"))
		assert.Equal(t, []string{"live: ", `reset: epoch "1"`, "x"}, c.read())
	})
}

func TestNoticesComeInTheSubscribersForm(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c, up := w.live()
		chunked := w.join(fanout.Newcomer{Form: frame.Form{Chunked: true}})
		require.NoError(t, up.send("a#1"))
		pieces, _ := chunked.Peek(nil, testLimit)
		require.Len(t, pieces, 1)
		assert.Equal(t, "f\r\ndata: a\nid: 1\n\n\r\n", string(pieces[0]))
		assert.Equal(t, 1, chunked.Advance(1))
		c.read()
		up.end(reading.Broken, "unavailable")
		after(time.Second)
		w.newest().accept()
		pieces, _ = chunked.Peek(nil, testLimit)
		require.Len(t, pieces, 1)
		assert.Equal(t, "40\r\nevent: grpc-reset\ndata: {\"reason\":\"epoch\",\"last_event_id\":\"1\"}\n\n\r\n", string(pieces[0]))
		assert.Zero(t, chunked.Advance(1), "a notice is no event")
	})
}
