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
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// settled is the time after which an event no longer counts as coming at once.
const settled = 20 * time.Millisecond

// A browser that has had no event has no id. Without a cursor it would miss the events that come while its connection is
// broken.
func TestWhoGetsNoEventAtOnceGetsACursor(t *testing.T) {
	for name, mode := range map[string]fanout.LateJoinMode{
		"none": fanout.None, "all": fanout.All, "latest": fanout.Latest, "since": fanout.Since, "latest by": fanout.LatestBy,
	} {
		for ids, hasID := range map[string]bool{"ids of the route": true, "the bridge's own ids": false} {
			for _, before := range [][]string{nil, {"a#1"}, {"a#1", "b#2"}} {
				t.Run(strings.Join(append([]string{name, ids}, before...), ", "), func(t *testing.T) {
					s := fanout.Settings{HasID: hasID, LateJoin: fanout.LateJoin{Mode: mode}}
					inWorld(t, s, func(w *world) {
						_, up := w.live()
						require.NoError(t, up.send(before...))
						after(settled)
						c := w.join(fanout.Newcomer{})
						got := c.read()
						event := len(before) > 0 && (mode == fanout.All || mode == fanout.Latest)
						id := !hasID || len(before) > 0
						switch {
						case event:
							assert.NotContains(t, got, "cursor: {}", "an event will do")
						case id:
							assert.Equal(t, []string{"cursor: {}"}, got)
						default:
							assert.Empty(t, got, "there is no such id")
							return
						}
						assert.Empty(t, c.read(), "once")
						c.Close()
						require.NoError(t, up.send("x#7", "y#8"))
						back := w.join(from(c.lastID))
						assert.Equal(t, []string{"x", "y"}, back.read(), "nothing is lost, and nothing comes again")
						require.NoError(t, up.send("z#9"))
						assert.Equal(t, []string{"z"}, back.read())
					})
				})
			}
		}
	}
}

// Many servers send no header before their first message. A stream with the bridge's own ids has a cursor all the same.
func TestACursorIsToldWhileTheUpstreamHasSaidNothing(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c := w.join(fanout.Newcomer{})
		up := w.upstream.next()
		assert.Empty(t, c.read(), "an event may follow at once")
		rang := 0
		defer c.Topic().Watch(func() { rang++ })()
		after(settled)
		assert.Equal(t, 1, rang)
		assert.Equal(t, []string{"cursor: {}"}, c.read())
		assert.Regexp(t, `^[a-z2-7]{8}-start$`, c.lastID)
		later := w.join(fanout.Newcomer{})
		assert.Equal(t, []string{"cursor: {}"}, later.read())
		c.Close()
		up.accept()
		require.NoError(t, up.send("a", "b"))
		back := w.join(from(c.lastID))
		assert.Equal(t, []string{"a", "b"}, back.read(), "the first upstream stream goes on in the epoch that the cursor names")
		assert.Equal(t, []string{"a", "b"}, later.read())
	})
}

// An upstream that fails before its first message ends its stream. The next upstream stream is a new epoch, and subscribers are
// told.
func TestACursorOfASilentUpstreamThatFailedIsTold(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c := w.join(fanout.Newcomer{})
		up := w.upstream.next()
		after(settled)
		assert.Equal(t, []string{"cursor: {}"}, c.read())
		up.end(reading.Broken, "unavailable")
		assert.Equal(t, []string{"end: unavailable"}, c.read())
		c.Close()
		back := w.join(from(c.lastID))
		assert.Equal(t, []string{"reset: epoch \"" + c.lastID + "\""}, back.read())
	})
}

func TestACursorIsToldWhenTheUpstreamHasAcceptedAndIsQuiet(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, lines := w.join(fanout.Newcomer{}), w.join(fanout.Newcomer{Lines: true})
		up := w.upstream.next()
		up.accept()
		assert.Empty(t, c.read(), "an event may follow at once")
		rang := 0
		defer c.Topic().Watch(func() { rang++ })()
		after(settled)
		assert.Equal(t, 1, rang)
		assert.Equal(t, []string{"cursor: {}"}, c.read())
		assert.Regexp(t, `^[a-z2-7]{8}-start$`, c.lastID)
		assert.Empty(t, lines.read(), "one JSON message a line, and nothing else")
		require.NoError(t, up.send("a"))
		assert.Equal(t, []string{"a"}, w.join(from(c.lastID)).read())
		assert.Equal(t, []string{"a"}, c.read())
		assert.Equal(t, []string{"a"}, lines.read())
	})
}

func TestNoCursorIsToldWhereAnEventComesAtOnce(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c := w.join(fanout.Newcomer{})
		up := w.upstream.next()
		up.accept()
		after(settled - time.Millisecond)
		assert.Empty(t, c.read())
		require.NoError(t, up.send("a"))
		after(time.Second)
		assert.Equal(t, []string{"a"}, c.read())
		assert.Empty(t, c.read())
	})
}

func TestWhoResumesGetsNoCursor(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a#1"))
		after(settled)
		assert.Empty(t, w.join(from("1")).read())
	})
}

func TestACursorFollowsAResetThatNothingFollows(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: 2}, Skip: true}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a#1", "b#2"))
		after(settled)
		late := w.join(from("77"))
		assert.Equal(t, []string{`reset: expired "77"`, "cursor: {}"}, late.read())
		assert.Equal(t, "2", late.lastID)
		malformed := w.join(fanout.Newcomer{LastEventID: "\x00", Malformed: true})
		assert.Equal(t, []string{`reset: invalid "\u0000"`, "cursor: {}"}, malformed.read())
		c.read()
		require.NoError(t, up.send("c#3", "d#4", "e#5", "f#6"))
		assert.Equal(t, []string{`reset: slow "2"`, "cursor: {}"}, c.read())
		assert.Equal(t, "6", c.lastID)

		up.end(reading.Broken, "unavailable")
		up = w.newest()
		up.accept()
		after(settled)
		assert.Equal(t, []string{`reset: epoch "6"`}, c.read(), "the new epoch has no id yet")
		require.NoError(t, up.send("x#9"))
		assert.Equal(t, []string{"x"}, c.read())
		after(settled)
		assert.Equal(t, []string{"cursor: {}"}, w.join(fanout.Newcomer{}).read())
	})
}

// An id after which no subscriber could go on is not told as a cursor.
func TestACursorIsAnIDThatResumes(t *testing.T) {
	for name, events := range map[string][]string{
		"one that a former epoch had":           {"a#1"},
		"one that two events have":              {"x#5", "y#6", "z#5"},
		"one that the log has no more":          {"x#7", "y", "z", "z", "z"},
		"none":                                  {"x"},
		"one that is behind others without one": {"x#7", "y", "z"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, fanout.Settings{HasID: true, Bounds: replay.Bounds{Events: 4}}, func(w *world) {
				_, up := w.live()
				require.NoError(t, up.send("a#1"))
				up.end(reading.Broken, "unavailable")
				up = w.newest()
				require.NoError(t, up.send(events...))
				after(settled)
				c := w.join(fanout.Newcomer{})
				if got := c.read(); name == "one that is behind others without one" {
					assert.Equal(t, []string{"cursor: {}"}, got)
					require.NoError(t, up.send("new#8"))
					assert.Equal(t, []string{"y", "z", "new"}, w.join(from(c.lastID)).read(), "what came before it came cannot be told from what it lacks")
					return
				} else {
					assert.Empty(t, got)
				}
			})
		})
	}
}

// An id that the upstream has refused is no longer told as a cursor.
func TestACursorThatTheUpstreamRefusedIsNotTold(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a#1"))
		after(settled)
		assert.Equal(t, []string{"cursor: {}"}, w.join(fanout.Newcomer{}).read())
		up.end(reading.Broken, "unavailable")
		w.newest().end(reading.Refused, "out of range")
		assert.Empty(t, w.join(fanout.Newcomer{}).read())
	})
}

func TestACursorInEveryForm(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a#1"))
		after(settled)
		block := frame.New([]byte("event: grpc-cursor\ndata: {}\nid: 1\n\n"), -1)
		next := frame.New([]byte("data: b\nid: 2\n\n"), 0)
		var all []*fanout.Subscriber
		forms := []frame.Form{
			{}, {Chunked: true}, {Encoding: frame.Gzip}, {Encoding: frame.Gzip, Chunked: true}, {Encoding: frame.Zstd}, {Encoding: frame.Zstd, Chunked: true},
		}
		for _, form := range forms {
			s := w.join(fanout.Newcomer{Form: form}).Subscriber
			pieces, _ := s.Peek(nil, testLimit)
			require.Equal(t, [][]byte{block.Bytes(form)}, pieces)
			assert.Zero(t, s.Advance(1), "it is no event")
			all = append(all, s)
		}
		require.NoError(t, up.send("b#2"))
		for i, s := range all {
			pieces, _ := s.Peek(nil, testLimit)
			assert.Equal(t, [][]byte{next.Bytes(forms[i])}, pieces, "which refers to nothing: the connection has not had the event before")
		}
	})
}

func TestACursorThatCannotBeWrittenIsToldAgain(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		c, up := w.live()
		after(settled)
		pieces, _ := c.Peek(nil, testLimit)
		require.Len(t, pieces, 1)
		c.Advance(0)
		pieces, _ = c.Peek(nil, testLimit)
		require.Len(t, pieces, 1)
		require.NoError(t, up.send("a"))
		assert.Equal(t, []string{"a"}, c.read(), "the event will do")
	})
}

// Subscribers that wait for the first event share one frame of the cursor and the stream's one timer.
func TestOneTimerServesAllWhoWaitForACursor(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		_, up := w.live()
		for range 100 {
			w.join(fanout.Newcomer{})
		}
		up.end(reading.Over, "done")
		after(time.Second)
		for _, c := range w.clients {
			assert.Equal(t, []string{"end: done"}, c.read())
		}
		synctest.Wait()
	})
}
