package fanout_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestIDsOfEvents(t *testing.T) {
	for name, tc := range map[string]struct {
		settings fanout.Settings
		event    string
		id       string // a pattern
	}{
		"a field's value":                {fanout.Settings{HasID: true}, "x#4711", `^4711$`},
		"one that cannot travel as is":   {fanout.Settings{HasID: true}, "x#a b", `^~YSBi$`},
		"one that is empty":              {fanout.Settings{HasID: true}, "x", `^$`},
		"one that does not fit":          {fanout.Settings{HasID: true}, "x#" + longID + "x", `^$`},
		"no field":                       {fanout.Settings{}, "x", `^[a-z0-9]{8}-0$`},
		"a value that was not asked for": {fanout.Settings{}, "x#4711", `^[a-z0-9]{8}-0$`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tc.settings, func(w *world) {
				left := 0
				w.registry.Hooks.IDLeftOut = func(string) { left++ }
				c, up := w.live()
				require.NoError(t, up.send(tc.event))
				assert.Equal(t, []string{"x"}, c.read())
				assert.Regexp(t, tc.id, c.lastID)
				assert.Equal(t, name == "one that does not fit", left == 1)
			})
		})
	}
}

// The id that a subscriber came with has no effect on the others: on no route is the upstream told the id.
func TestTheUpstreamIsNotToldASubscribersCursor(t *testing.T) {
	for name, settings := range map[string]fanout.Settings{
		"an upstream that takes cursors":    {HasID: true, Resumes: true},
		"without ids":                       {Resumes: true},
		"an upstream that takes no cursors": {HasID: true},
		"neither":                           {},
	} {
		for _, id := range []string{"4711", "~YSBi", "9223372036854775807", "abcdefgh-4", "abcdefgh-start", "foreign", "mal formed", ""} {
			t.Run(name+", "+id, func(t *testing.T) {
				inWorld(t, settings, func(w *world) {
					w.join(fanout.Newcomer{LastEventID: id, Malformed: id == "mal formed"})
					up := w.upstream.next()
					assert.Equal(t, reading.Attempt{}, up.Attempt)
					innocent := w.join(fanout.Newcomer{})
					require.NoError(t, up.send("a#1"))
					assert.Equal(t, []string{"a"}, innocent.read())
					innocent.Close()
					up.end(reading.Broken, "unavailable")
					up = w.newest()
					want := reading.Attempt{Reopening: true}
					if settings.HasID && settings.Resumes {
						want.Cursor, want.HasCursor = "1", true
					}
					assert.Equal(t, want, up.Attempt, "reopened behind the newest event of its own log")
				})
			})
		}
	}
}

func TestResumingFromTheLog(t *testing.T) {
	hasID := fanout.Settings{HasID: true, LateJoin: fanout.LateJoin{Mode: fanout.Latest}, Bounds: replay.Bounds{Events: 3}}
	own := hasID
	own.HasID = false
	long := strings.Repeat("x", 1000)
	for name, tc := range map[string]struct {
		settings fanout.Settings
		id       string // %s is the epoch
		want     []string
	}{
		"the newest":                    {hasID, "5", nil},
		"one in the log":                {hasID, "4", []string{"e5"}},
		"the oldest in the log":         {hasID, "3", []string{"e4", "e5"}},
		"one that the log had":          {hasID, "2", []string{`reset: expired "2"`, "e5"}},
		"one that never was":            {hasID, "77", []string{`reset: expired "77"`, "e5"}},
		"malformed":                     {hasID, "a b", []string{`reset: invalid "a b"`, "e5"}},
		"malformed and long":            {hasID, long, []string{`reset: invalid "` + long[:128] + `"`, "e5"}},
		"its position: the newest":      {own, "%s-4", nil},
		"its position: in the log":      {own, "%s-3", []string{"e5"}},
		"its position: before the log":  {own, "%s-1", []string{"e3", "e4", "e5"}},
		"its position: evicted":         {own, "%s-0", []string{`reset: expired "%s-0"`, "e5"}},
		"its position: not yet":         {own, "%s-5", []string{`reset: invalid "%s-5"`, "e5"}},
		"its position: the beginning":   {own, "%s-start", []string{`reset: expired "%s-start"`, "e5"}},
		"its position: another's start": {own, "abcdefgh-start", []string{`reset: epoch "abcdefgh-start"`, "e5"}},
		"its position: of another time": {own, "abcdefgh-3", []string{`reset: epoch "abcdefgh-3"`, "e5"}},
		"no position":                   {own, "4711", []string{`reset: invalid "4711"`, "e5"}},
		"no position: an epoch alone":   {own, "%s", []string{`reset: invalid "%s"`, "e5"}},
		"no position: no number":        {own, "%s-", []string{`reset: invalid "%s-"`, "e5"}},
		"no position: a sign":           {own, "%s-+3", []string{`reset: invalid "%s-+3"`, "e5"}},
		"no position: zeros":            {own, "%s-03", []string{`reset: invalid "%s-03"`, "e5"}},
		"no position: too large":        {own, "%s-18446744073709551615", []string{`reset: invalid "%s-18446744073709551615"`, "e5"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tc.settings, func(w *world) {
				c, up := w.live()
				require.NoError(t, up.send("e1#1", "e2#2", "e3#3", "e4#4", "e5#5"))
				after(time.Second)
				c.read()
				epoch, _, _ := strings.Cut(c.lastID, "-")
				fill := func(text string) string { return strings.ReplaceAll(text, "%s", epoch) }
				n := fanout.Newcomer{LastEventID: fill(tc.id)}
				n.Malformed = strings.HasPrefix(name, "malformed")
				var want []string
				for _, text := range tc.want {
					want = append(want, fill(text))
				}
				back := w.join(n)
				assert.Equal(t, want, back.read())
				require.NoError(t, up.send("e6#6"))
				assert.Equal(t, []string{"e6"}, back.read())
			})
		})
	}
}

// An upstream that first sends everything it has may send the id that a waiting subscriber came with. The events behind it need
// not be the events that followed the subscriber's event. So a subscriber that came before the event is told.
func TestAnIDThatComesLaterIsNotResumedFrom(t *testing.T) {
	for name, settings := range map[string]fanout.Settings{
		"an upstream that takes cursors":    {HasID: true, Resumes: true},
		"an upstream that takes no cursors": {HasID: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, settings, func(w *world) {
				opener, second := w.join(from("3")), w.join(from("4"))
				up := w.upstream.next()
				assert.Equal(t, []string{`reset: expired "3"`}, opener.read(), "at once: there is nothing to wait for")
				require.NoError(t, up.send("e1#1", "e2#2"))
				early := w.join(from("3"))
				require.NoError(t, up.send("e3#3", "e4#4", "e5#5"))
				assert.Equal(t, []string{"e1", "e2", "e3", "e4", "e5"}, opener.read())
				assert.Equal(t, []string{`reset: expired "4"`, "e1", "e2", "e3", "e4", "e5"}, second.read())
				assert.Equal(t, []string{`reset: expired "3"`, "e3", "e4", "e5"}, early.read(), "a newcomer")
				assert.Equal(t, []string{"e4", "e5"}, w.join(from("3")).read(), "the log has it now")
			})
		})
	}
}

func TestAnIDIsNotWaitedForWhileAStreamIsReopened(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("e1#1"))
		up.end(reading.Broken, "unavailable")
		up = w.newest()
		up.accept()
		c := w.join(from("2")) // which it had from another process, say
		after(time.Second)
		assert.Equal(t, []string{`reset: expired "2"`, "cursor: {}"}, c.read())
		require.NoError(t, up.send("e2#2", "e3#3"))
		assert.Equal(t, []string{"e2", "e3"}, c.read())
	})
}

// An upstream that counts from the beginning after a restart refuses the id of the newest event. A page that was away meanwhile
// has an older id, which is also in the new epoch.
func TestIDsOfAnEarlierEpochAreNotResumedFrom(t *testing.T) {
	for name, tc := range map[string]struct {
		settings fanout.Settings
		refuses  bool
		newest   string
	}{
		"an upstream that refuses":          {fanout.Settings{HasID: true, Resumes: true}, true, "invalid"},
		"an upstream that takes no cursors": {fanout.Settings{HasID: true}, false, "epoch"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tc.settings, func(w *world) {
				_, up := w.live()
				require.NoError(t, up.send("a#1", "b#2", "c#3"))
				up.end(reading.Broken, "unavailable")
				up = w.newest()
				if tc.refuses {
					require.Equal(t, "3", up.Cursor)
					up.end(reading.Refused, "out of range")
					up = w.newest()
				}
				require.NoError(t, up.send("x#1", "y#2", "z#3", "new#4"))
				told := func(c *client) []string {
					got := c.read()
					assert.NotContains(t, got, "x")
					return got
				}
				assert.Equal(t, []string{`reset: epoch "2"`}, told(w.join(from("2")))[:1])
				assert.Equal(t, []string{`reset: ` + tc.newest + ` "3"`}, told(w.join(from("3")))[:1])
				assert.Equal(t, []string{`reset: expired "5"`}, told(w.join(from("5")))[:1])
				assert.Empty(t, w.join(from("4")).read(), "an id of the new epoch alone")

				up.end(reading.Broken, "unavailable")
				up = w.newest()
				if tc.refuses {
					require.NoError(t, up.send("again#3"))
				} else {
					require.NoError(t, up.send("w#0", "again#3"))
				}
				assert.Equal(t, []string{`reset: ` + tc.newest + ` "3"`}, told(w.join(from("3")))[:1], "however often it comes")
			})
		})
	}
}

func TestTheIDsOfEarlierEpochsAreBounded(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: 100}}, func(w *world) {
		_, up := w.live()
		for epoch := range 12 {
			for i := range 100 {
				require.NoError(t, up.send(fmt.Sprintf("x#%d-%d", epoch, i)))
			}
			up.end(reading.Broken, "unavailable")
			up = w.newest()
			up.accept()
			after(time.Minute) // long enough for the back-off to be over
		}
		assert.Equal(t, []string{`reset: epoch "11-99"`}, w.join(from("11-99")).read())
		assert.Equal(t, []string{`reset: epoch "3-0"`}, w.join(from("3-0")).read())
		assert.Equal(t, []string{`reset: expired "0-0"`}, w.join(from("0-0")).read(), "forgotten, and told all the same")
	})
}

// An id that several events have does not say which of them a page had. It does where the events follow directly on each other:
// an upstream that is asked to go on with an id sends its last event again.
func TestAnIDOfSeveralEventsIsNotResumedFrom(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true, Bounds: replay.Bounds{Events: 5}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a1#AAPL", "b1#MSFT", "a2#AAPL", "c1#GOOG", "c2#GOOG"))
		assert.Equal(t, []string{`reset: expired "AAPL"`}, w.join(from("AAPL")).read()[:1])
		assert.Equal(t, []string{"a2", "c1", "c2"}, w.join(from("MSFT")).read())
		c := w.join(from("GOOG"))
		assert.Empty(t, c.read())
		require.NoError(t, up.send("d1#IBM"))
		assert.Equal(t, []string{"d1"}, c.read())
		assert.Equal(t, []string{"c1", "c2", "d1"}, w.join(from("AAPL")).read(), "the other one is gone")
	})
}

func TestWhoCameWithAnIDLearnsTheEnd(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c := w.join(from("5"))
		up := w.upstream.next()
		require.NoError(t, up.send("e1#1"))
		up.end(reading.Over, "done")
		assert.Equal(t, []string{`reset: expired "5"`, "e1", "end: done"}, c.read())
	})
}

func TestAMalformedIDIsAnsweredAtOnce(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c := w.join(fanout.Newcomer{LastEventID: "\x00", Malformed: true})
		up := w.upstream.next()
		assert.Equal(t, []string{`reset: invalid "\u0000"`}, c.read())
		require.NoError(t, up.send("a"))
		assert.Equal(t, []string{"a"}, c.read())
	})
}

func TestAPlaceThatIsOvertakenBeforeItIsUsed(t *testing.T) {
	for mode, want := range map[fanout.LateJoinMode][]string{
		fanout.All:  {"e4", "e5", "e6"},
		fanout.None: {"cursor: {}"},
	} {
		s := fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: 3}, LateJoin: fanout.LateJoin{Mode: mode}}
		inWorld(t, s, func(w *world) {
			_, up := w.live()
			after(time.Second)
			require.NoError(t, up.send("e1#1", "e2#2", "e3#3"))
			c, back := w.join(fanout.Newcomer{}), w.join(from("1"))
			require.NoError(t, up.send("e4#4", "e5#5", "e6#6"))
			if mode == fanout.None {
				assert.Equal(t, []string{"e4", "e5", "e6"}, c.read(), "its place was the end")
			} else {
				assert.Equal(t, want, c.read(), "a subscriber that has not read yet is not slow")
			}
			assert.Equal(t, append([]string{`reset: expired "1"`}, want...), back.read())
		})
	}
}

// burst is an upstream that sends everything at once, and then nothing.
type burst []string

func (b burst) Run(ctx context.Context, _ reading.Attempt, sink reading.Sink) reading.Result {
	for _, e := range b {
		if err := sink.Event(ctx, eventOf(e)); err != nil {
			return result(reading.Over, ending.Reason(err.Error()))
		}
	}
	<-ctx.Done()
	return result(reading.Over, "closed")
}

// The subscriber that opens a stream has seen none of its events, however fast they come. An event with the same id is another
// event.
func TestTheOpenerIsThereBeforeTheFirstEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fanout.NewRegistry(t.Context(), fanout.Limits{})
		r.Hooks.Opened = func(string) { time.Sleep(time.Second) } // the stream has all the time to go ahead
		s, err := r.Join("key", fanout.Newcomer{LastEventID: "3"}, func() (fanout.Settings, reading.Upstream) {
			return fanout.Settings{HasID: true, Resumes: true, LateJoin: fanout.LateJoin{Mode: fanout.All}}, burst{"a#1", "b#2", "c#3", "d#4"}
		})
		require.NoError(t, err)
		synctest.Wait()
		pieces, _ := s.Peek(nil, 1<<20)
		var got []string
		for _, p := range pieces {
			g := parsePiece(string(p))
			got = append(got, g.name+" "+g.text)
		}
		require.NotEmpty(t, got)
		assert.Contains(t, got[0], "grpc-reset")
		assert.Equal(t, []string{" a", " b", " c", " d"}, got[1:])
		s.Close()
		r.Close(closed())
	})
}
