package fanout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

func TestIDsOfEvents(t *testing.T) {
	for name, tc := range map[string]struct {
		settings fanout.Settings
		event    string
		id       string // a pattern
	}{
		"a field's value":               {fanout.Settings{HasID: true}, "x#4711", `^4711$`},
		"one that cannot travel as is":  {fanout.Settings{HasID: true}, "x#a b", `^~YSBi$`},
		"one that is empty":             {fanout.Settings{HasID: true}, "x", `^$`},
		"one that does not fit":         {fanout.Settings{HasID: true}, "x#" + longID + "x", `^$`},
		"no field":                      {fanout.Settings{}, "x", `^[a-z0-9]{8}-0$`},
		"a value that nobody asked for": {fanout.Settings{}, "x#4711", `^[a-z0-9]{8}-0$`},
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

func TestTheOpenersCursorOpensTheUpstream(t *testing.T) {
	for name, tc := range map[string]struct {
		settings fanout.Settings
		newcomer fanout.Newcomer
		want     fanout.Attempt
	}{
		"its value":          {fanout.Settings{HasID: true, Resumes: true}, newcomer("~YSBi"), fanout.Attempt{Cursor: "a b", HasCursor: true}},
		"without ids":        {fanout.Settings{Resumes: true}, newcomer("4711"), fanout.Attempt{Cursor: "4711", HasCursor: true}},
		"the bridge's own":   {fanout.Settings{Resumes: true}, newcomer("k3v7aaaa-4"), fanout.Attempt{}},
		"none that it takes": {fanout.Settings{HasID: true}, newcomer("4711"), fanout.Attempt{}},
		"none":               {fanout.Settings{HasID: true, Resumes: true}, fanout.Newcomer{}, fanout.Attempt{}},
		"a snapshot first": {
			fanout.Settings{HasID: true, Resumes: true, LateJoin: fanout.LateJoin{Mode: fanout.Since}}, newcomer("4711"), fanout.Attempt{},
		},
		"all values first": {
			fanout.Settings{HasID: true, Resumes: true, LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}, newcomer("4711"), fanout.Attempt{},
		},
		"malformed": {
			fanout.Settings{HasID: true, Resumes: true}, fanout.Newcomer{LastEventID: "a b", Malformed: true}, fanout.Attempt{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tc.settings, func(w *world) {
				w.join(tc.newcomer)
				assert.Equal(t, tc.want, w.upstream.next().Attempt)
			})
		})
	}
}

// newcomer is one with an id, as it comes on the wire.
func newcomer(id string) fanout.Newcomer {
	value, err := sse.DecodeID(id)
	if err != nil {
		panic(err)
	}
	return fanout.Newcomer{LastEventID: id, Cursor: value, HasCursor: true}
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
				n := fanout.Newcomer{LastEventID: fill(tc.id), Malformed: true}
				if !strings.HasPrefix(name, "malformed") {
					n = newcomer(fill(tc.id))
				}
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

func TestAnIDIsWaitedForWhileTheStreamCatchesUp(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		opener, waits, never := w.join(from("10")), w.join(from("12")), w.join(from("9"))
		up := w.upstream.next()
		changes := 0
		defer never.Topic().Watch(func() { changes++ })()
		after(time.Hour) // whatever the upstream takes to answer
		assert.Empty(t, waits.read())
		require.NoError(t, up.send("e11#11"))
		assert.Equal(t, []string{"e11"}, opener.read(), "its cursor is what comes before the log")
		assert.Empty(t, waits.read())
		late := w.join(from("13"))
		assert.Empty(t, late.read(), "it may wait too")
		require.NoError(t, up.send("e12#12", "e13#13"))
		assert.Equal(t, []string{"e13"}, waits.read())
		require.NoError(t, up.send("e14#14"))
		assert.Equal(t, []string{"e14"}, late.read())
		assert.Empty(t, never.read())
		assert.Equal(t, []string{"e11", "e12", "e13", "e14"}, w.join(from("10")).read())

		before := changes
		after(299 * time.Millisecond)
		assert.Empty(t, never.read())
		after(time.Millisecond)
		assert.Greater(t, changes, before, "who watches is told")
		assert.Equal(t, []string{`reset: expired "9"`, "e11", "e12", "e13", "e14"}, never.read())
		assert.Equal(t, []string{`reset: expired "9"`}, w.join(from("9")).read(), "no longer")
	})
}

func TestAnIDIsWaitedForWhileAReopenedStreamCatchesUp(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Resumes: true}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("e1#1"))
		after(time.Second)
		up.end(fanout.Broken, "unavailable")
		assert.Equal(t, []string{`reset: expired "2"`}, w.join(from("2")).read(), "nobody knows when the upstream is back")
		up = w.newest()
		up.accept()
		c := w.join(from("2")) // which it had from another process, say
		assert.Empty(t, c.read())
		require.NoError(t, up.send("e2#2", "e3#3"))
		assert.Equal(t, []string{"e3"}, c.read())
	})
}

func TestWhoWaitsForAnIDLearnsTheEnd(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		c := w.join(from("5"))
		up := w.upstream.next()
		require.NoError(t, up.send("e1#1"))
		up.end(fanout.Over, "done")
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
		fanout.None: {},
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
				assert.Equal(t, want, c.read(), "nobody is slow who has not begun")
			}
			assert.Equal(t, append([]string{`reset: expired "1"`}, want...), back.read())
		})
	}
}
