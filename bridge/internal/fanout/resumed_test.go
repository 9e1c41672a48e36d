package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestHowASubscriberResumed(t *testing.T) {
	fromLog := ending.Resumed{From: ending.ResumedFromLog}
	for name, tt := range map[string]struct {
		newcomer fanout.Newcomer
		do       func(w *world, c *client, up *attempt) // before the subscriber reads
		want     ending.Resumed
	}{
		"without an id":            {fanout.Newcomer{}, nil, ending.Resumed{}},
		"the log has the id":       {from("2"), nil, fromLog},
		"the log never had the id": {from("77"), nil, ending.ByReset(ending.ResetExpired)},
		"a malformed id": {
			fanout.Newcomer{LastEventID: "a b", Malformed: true}, nil, ending.ByReset(ending.ResetInvalid),
		},
		"the log lost the next event before it was read": {from("2"), func(w *world, _ *client, up *attempt) {
			require.NoError(w.t, up.send("e4#4", "e5#5", "e6#6", "e7#7"))
		}, ending.ByReset(ending.ResetExpired)},
		"a new epoch began before it was read": {from("2"), func(w *world, _ *client, up *attempt) {
			up.end(reading.Broken, "broken")
			up = w.newest()
			up.accept()
			require.NoError(w.t, up.send("n1#1"))
		}, ending.ByReset(ending.ResetEpoch)},
		"it lost events later": {from("2"), func(w *world, c *client, up *attempt) {
			require.NotEmpty(w.t, c.read())
			require.NoError(w.t, up.send("e4#4", "e5#5", "e6#6", "e7#7"))
		}, fromLog},
		"a new epoch began later": {from("2"), func(w *world, c *client, up *attempt) {
			require.NotEmpty(w.t, c.read())
			up.end(reading.Broken, "broken")
			up = w.newest()
			up.accept()
			require.NoError(w.t, up.send("n1#1"))
		}, fromLog},
		"it came without an id, and lost events later": {fanout.Newcomer{}, func(w *world, c *client, up *attempt) {
			require.NotEmpty(w.t, c.read())
			require.NoError(w.t, up.send("e4#4", "e5#5", "e6#6", "e7#7"))
		}, ending.Resumed{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fanout.Settings{
				HasID: true, Skip: true, Bounds: replay.Bounds{Events: 3}, LateJoin: fanout.LateJoin{Mode: fanout.Latest},
			}
			inWorld(t, s, func(w *world) {
				var told []ending.Resumed
				w.registry.Hooks.Resumed = func(_ string, how ending.Resumed) { told = append(told, how) }
				_, up := w.live()
				require.NoError(t, up.send("e1#1", "e2#2", "e3#3"))
				c := w.join(tt.newcomer)
				if tt.do != nil {
					tt.do(w, c, up)
				}
				c.read()
				assert.Equal(t, tt.want, c.Resumed())
				requireTold(t, tt.want, told)
			})
		})
	}
}

// requireTold requires that a hook was called once, for a subscriber that came with an id.
func requireTold(t *testing.T, want ending.Resumed, told []ending.Resumed) {
	t.Helper()
	if want.From == ending.ResumedNot {
		require.Empty(t, told)
		return
	}
	require.Equal(t, []ending.Resumed{want}, told)
}

func TestHowASubscriberThatCatchesUpResumed(t *testing.T) {
	caughtUp := ending.Resumed{From: ending.ResumedFromCatchUp}
	meet := func(w *caught) {
		passSnapshot()
		require.NoError(w.t, w.log.send("c#3"))
		require.NoError(w.t, w.up.send("b#2", "c#3", "d#4", "e#5", "f#6"))
		require.Len(w.t, w.c.read(), 5)
		require.NoError(w.t, w.log.send("d#4"))
	}
	expired := ending.ByReset(ending.ResetExpired)
	for name, tt := range map[string]struct {
		do   func(w *caught)
		want ending.Resumed
	}{
		"not over":          {func(w *caught) { require.NoError(w.t, w.up.send("b#2")) }, caughtUp},
		"met":               {meet, caughtUp},
		"refused":           {func(w *caught) { w.up.end(reading.Refused, "no") }, ending.ByReset(ending.ResetInvalid)},
		"too late":          {func(w *caught) { require.NoError(w.t, w.log.send("x#9")); after(11 * time.Second) }, expired},
		"ended":             {func(w *caught) { w.up.end(reading.Over, "over") }, caughtUp},
		"ahead of the log":  {func(w *caught) { meet(w); require.NoError(w.t, w.log.send("e#5", "f#6")) }, caughtUp},
		"another log":       {func(w *caught) { meet(w); require.NoError(w.t, w.log.send("e#5", "x#9")) }, expired},
		"a new epoch later": {func(w *caught) { meet(w); beginAnotherEpoch(w) }, caughtUp},
	} {
		t.Run(name, func(t *testing.T) {
			s := resumable()
			s.Backoff = backoff.Policy{Base: time.Second, Max: time.Second}
			catchingUp(t, s, "1", func(w *caught) {
				var told []ending.Resumed
				w.registry.Hooks.Resumed = func(_ string, how ending.Resumed) { told = append(told, how) }
				tt.do(w)
				w.c.read()
				assert.Equal(t, tt.want, w.c.Resumed())
				if name == "not over" {
					assert.Empty(t, told)
				}
				w.c.Close()
				requireTold(t, tt.want, told)
			})
		})
	}
}

// beginAnotherEpoch lets the subscriber read the log, and the upstream refuse to go on behind the log's newest id.
func beginAnotherEpoch(w *caught) {
	require.NoError(w.t, w.log.send("e#5", "f#6", "g#7"))
	require.NotEmpty(w.t, w.c.read())
	w.log.end(reading.Broken, "broken")
	w.newest().end(reading.Refused, "no")
	up := w.newest()
	up.accept()
	require.NoError(w.t, up.send("n#1"))
}
