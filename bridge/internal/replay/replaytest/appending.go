package replaytest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func testConflict(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.appendN(3)
	before := log.State()
	for _, at := range []replay.Position{
		{Epoch: "e1", Offset: 2}, {Epoch: "e1", Offset: 4}, {Epoch: "e1"}, {Epoch: "e0", Offset: 3}, {Offset: 3},
	} {
		err := log.Append(t.Context(), event(at, func(e *replay.Event) { e.ID = "other" }).Draft())
		var conflict *replay.ConflictError
		require.ErrorAs(t, err, &conflict, at)
		assert.Equal(t, at, conflict.At)
		assert.Equal(t, log.State().End(), conflict.Next, "tells where the next event belongs")
	}
	log.append()
	assert.Equal(t, []uint64{0, 1, 2, 3}, log.offsets())
	assert.Equal(t, before.End(), replay.Position{Epoch: "e1", Offset: 3})
	_, found := log.Find("other")
	assert.False(t, found)
}

// testAppenders has several appenders. Each knows of the others only by its conflicts, as processes would.
func testAppenders(t *testing.T, open func(replay.Bounds) Log) {
	const appenders, each = 4, 50
	log := newSubject(t, open, replay.Bounds{})
	var group sync.WaitGroup
	for n := range appenders {
		group.Go(func() {
			next := replay.Position{Epoch: "e1"}
			for i := 0; i < each; {
				err := log.Append(t.Context(), event(next, func(e *replay.Event) { e.Key = fmt.Sprintf("%d/%d", n, i) }).Draft())
				var conflict *replay.ConflictError
				switch {
				case errors.As(err, &conflict):
					next = conflict.Next
				case assert.NoError(t, err):
					next.Offset++
					i++
				default:
					return
				}
			}
		})
	}
	group.Wait()
	require.False(t, t.Failed())
	log.eventually("all events", func() bool { return log.State().Next == appenders*each })

	events, err := log.Read(nil, log.State().Start(), appenders*each+1)
	require.NoError(t, err)
	require.Len(t, events, appenders*each)
	seen := map[string]int{}
	for i, e := range events {
		require.EqualValues(t, i, e.Offset)
		var n, nth int
		_, err := fmt.Sscanf(e.Key, "%d/%d", &n, &nth)
		require.NoError(t, err)
		require.Equal(t, seen[fmt.Sprint(n)], nth, "in the order of its appender, once")
		seen[fmt.Sprint(n)]++
	}
}

func testEpochs(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.appendN(3)
	old := log.State()
	log.begin("e2")
	assert.Equal(t, replay.State{Epoch: "e2"}, log.State(), "nothing is held")
	for _, at := range []replay.Position{old.Start(), {Epoch: "e1", Offset: 1}, old.End()} {
		_, err := log.Read(nil, at, 1)
		assert.ErrorIs(t, err, replay.ErrGone, at)
	}
	_, found := log.Find("1")
	assert.False(t, found)
	var conflict *replay.ConflictError
	require.ErrorAs(t, log.Append(t.Context(), event(old.End()).Draft()), &conflict, "an appender that does not know of the epoch")

	log.appendN(2)
	assert.Equal(t, []uint64{0, 1}, log.offsets())
	_, err := log.Read(nil, replay.Position{Epoch: "e1", Offset: 1}, 1)
	assert.ErrorIs(t, err, replay.ErrGone, "although the epoch has an event there")
}

func testEpochNames(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.appendN(2)
	require.Error(t, log.Begin(t.Context(), ""))
	require.Error(t, log.Begin(t.Context(), "e1"))
	log.append()
	assert.Equal(t, []uint64{0, 1, 2}, log.offsets())
}
