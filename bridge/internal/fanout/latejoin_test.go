package fanout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestLateJoin(t *testing.T) {
	for name, tc := range map[string]struct {
		late   fanout.LateJoin
		events []string // with a log of four
		want   []string
	}{
		"none":                        {fanout.LateJoin{Mode: fanout.None}, []string{"a", "b"}, nil},
		"all":                         {fanout.LateJoin{Mode: fanout.All}, []string{"a", "b"}, []string{"a", "b"}},
		"all that there are":          {fanout.LateJoin{Mode: fanout.All}, []string{"a", "b", "c", "d", "e"}, []string{"b", "c", "d", "e"}},
		"all of nothing":              {fanout.LateJoin{Mode: fanout.All}, nil, nil},
		"latest":                      {fanout.LateJoin{Mode: fanout.Latest}, []string{"a", "b"}, []string{"b"}},
		"latest of nothing":           {fanout.LateJoin{Mode: fanout.Latest}, nil, nil},
		"since":                       {fanout.LateJoin{Mode: fanout.Since}, []string{"a", "s!", "b"}, []string{"s", "b"}},
		"since the newest mark":       {fanout.LateJoin{Mode: fanout.Since}, []string{"s!", "a", "t!", "b"}, []string{"t", "b"}},
		"since a mark that is newest": {fanout.LateJoin{Mode: fanout.Since}, []string{"a", "s!"}, []string{"s"}},
		"since no mark":               {fanout.LateJoin{Mode: fanout.Since}, []string{"a", "b"}, nil},
		"since a mark that is gone":   {fanout.LateJoin{Mode: fanout.Since}, []string{"s!", "a", "b", "c", "d"}, []string{`reset: expired ""`}},
		"latest by key": {
			fanout.LateJoin{Mode: fanout.LatestBy}, []string{"a1@a", "b1@b", "a2@a", "x"}, []string{"b1", "a2"},
		},
		"latest by key, of a log that has lost some": {
			fanout.LateJoin{Mode: fanout.LatestBy},
			[]string{"a1@a", "b1@b", "c1@c", "c2@c", "c3@c", "c4@c", "b2@b"},
			[]string{"a1", "c4", "b2"},
		},
		"latest by key, of as many as may be": {
			fanout.LateJoin{Mode: fanout.LatestBy, Keys: 2},
			[]string{"a1@a", "b1@b", "a2@a", "c1@c"},
			[]string{"a2", "c1"},
		},
		"latest by key, of none": {fanout.LateJoin{Mode: fanout.LatestBy}, []string{"x", "y"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, fanout.Settings{LateJoin: tc.late, Bounds: replay.Bounds{Events: 4}}, func(w *world) {
				first, up := w.live()
				require.NoError(t, up.send(tc.events...))
				c := w.join(fanout.Newcomer{})
				assert.Equal(t, tc.want, c.read())
				require.NoError(t, up.send("next"))
				assert.Equal(t, []string{"next"}, c.read())
				if len(tc.events) < 4 {
					assert.Len(t, first.read(), len(tc.events)+1, "the subscriber that was there first gets all events")
				}
			})
		})
	}
}

// A newcomer reads the last values while they change. It sees each once, in the order of the log.
func TestLastValuesChangeWhileANewcomerReadsThem(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a1@a", "b1@b", "c1@c", "d1@d"))
		c := w.join(fanout.Newcomer{})
		pieces, _ := c.Peek(nil, testLimit)
		require.Len(t, pieces, 4)
		assert.Equal(t, 2, c.Advance(2)) // a and b
		require.NoError(t, up.send("a2@a", "c2@c"))
		assert.Equal(t, []string{"d1", "a2", "c2"}, c.read())
		assert.Equal(t, []string{"b1", "d1", "a2", "c2"}, w.join(fanout.Newcomer{}).read())
	})
}

func TestAPageThatReloadsWhileItReadsLastValuesGoesOn(t *testing.T) {
	for name, tc := range map[string]struct {
		events int // of the log
		want   []string
	}{
		"in the log":     {100, []string{"b1", "b2", "c1", "a2", "e1"}},
		"not in the log": {2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}, Bounds: replay.Bounds{Events: tc.events}}
			inWorld(t, s, func(w *world) {
				_, up := w.live()
				require.NoError(t, up.send("d1@d", "b1@b", "b2@b", "c1@c", "a2@a"))
				c := w.join(fanout.Newcomer{})
				pieces, _ := c.Peek(nil, testLimit)
				assert.Equal(t, "d1", c.textOf(string(pieces[0])))
				c.Advance(1)
				require.NoError(t, up.send("e1@e"))
				want := tc.want
				if want == nil {
					want = []string{resetOf("expired", c), "d1", "b2", "c1", "a2", "e1"}
				}
				assert.Equal(t, want, w.join(from(c.lastID)).read())
			})
		})
	}
}

func TestANewcomerThatReadsLastValuesTooSlowly(t *testing.T) {
	s := fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}, Bounds: replay.Bounds{Events: 4}}
	inWorld(t, s, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a1@a", "b1@b"))
		c := w.join(fanout.Newcomer{})
		c.Peek(nil, testLimit)
		c.Advance(1)
		require.NoError(t, up.send("c1@c", "c2@c", "c3@c", "c4@c"))
		assert.False(t, c.Overdue(), "it is still catching up")
		require.NoError(t, up.send("c5@c"))
		assert.True(t, c.Overdue())
		assert.Equal(t, []string{"end: slow"}, c.read())
	})
}

func TestLastValuesAreThoseOfTheEpoch(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}, func(w *world) {
		c, up := w.live()
		require.NoError(t, up.send("a1@a", "b1@b"))
		c.read()
		reads := w.join(fanout.Newcomer{})
		reads.Peek(nil, testLimit)
		reads.Advance(1)
		up.end(reading.Broken, "unavailable")
		require.NoError(t, w.newest().send("c1@c"))
		assert.Equal(t, []string{"c1"}, w.join(fanout.Newcomer{}).read())
		got := reads.read()
		assert.Equal(t, "c1", got[len(got)-1])
		assert.Contains(t, got[0], "reset: epoch")
		assert.Len(t, got, 2)
	})
}

func TestMarksAreThoseOfTheEpoch(t *testing.T) {
	inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: fanout.Since}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("s!", "a"))
		up.end(reading.Broken, "unavailable")
		require.NoError(t, w.newest().send("b", "c"))
		assert.Empty(t, w.join(fanout.Newcomer{}).read())
	})
}

// A client that has had all last values is held to half of the log from then on, and not only once it was given the next event.
func TestWhoHasAllLastValuesIsHeldToHalfTheLog(t *testing.T) {
	inWorld(t, fanout.Settings{HasID: true, Bounds: ten, LateJoin: fanout.LateJoin{Mode: fanout.LatestBy}}, func(w *world) {
		_, up := w.live()
		require.NoError(t, up.send("a@a#1", "b@b#2"))
		c := w.join(fanout.Newcomer{})
		assert.Equal(t, []string{"a", "b"}, c.read())
		require.NoError(t, up.send("e1#3", "e2#4", "e3#5", "e4#6", "e5#7", "e6#8"))
		c.Peek(nil, testLimit)
		assert.True(t, c.Overdue())
	})
}

// A subscriber that has passed all that there is knows that nothing follows, also behind last values.
func TestWhoHasAllIsDrained(t *testing.T) {
	for _, mode := range []fanout.LateJoinMode{fanout.None, fanout.All, fanout.Latest, fanout.LatestBy} {
		inWorld(t, fanout.Settings{LateJoin: fanout.LateJoin{Mode: mode}}, func(w *world) {
			_, up := w.live()
			require.NoError(t, up.send("a@a"))
			c := w.join(fanout.Newcomer{})
			c.read()
			require.NoError(t, up.send("b@b", "c@c"))
			for _, drained := range []bool{false, true} {
				pieces, _ := c.Peek(nil, testLimit)
				c.Advance(1)
				assert.Equal(t, drained, c.Drained(), "%d pieces, of which one was passed", len(pieces))
			}
			c.Advance(0)
			assert.False(t, c.Drained())
		})
	}
}
