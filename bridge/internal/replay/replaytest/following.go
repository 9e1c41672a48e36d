package replaytest

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func testBeginAt(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Events: 3})
	log.appendN(3)
	old := log.State()
	require.NoError(t, log.BeginAt("e2", 7))
	log.eventually("the epoch", func() bool { return log.State().Epoch == "e2" })
	assert.Equal(t, replay.State{Epoch: "e2", First: 7, Next: 7}, log.State(), "nothing is held")
	_, err := log.Read(nil, replay.Position{Epoch: "e2", Offset: 6}, 1)
	require.ErrorIs(t, err, replay.ErrGone, "before the beginning")
	_, err = log.Read(nil, old.Start(), 1)
	require.ErrorIs(t, err, replay.ErrGone, "in the old epoch")
	assert.Equal(t, replay.Lag{Events: 1, Share: 1}, log.Lag(replay.Position{Epoch: "e2", Offset: 6}))
	events, err := log.Read(nil, log.State().End(), 1)
	require.NoError(t, err)
	assert.Empty(t, events)
	log.appendN(4)
	assert.Equal(t, []uint64{8, 9, 10}, log.offsets())
	behind, found := log.Find("9")
	assert.True(t, found)
	assert.Equal(t, replay.Position{Epoch: "e2", Offset: 10}, behind)
	require.Error(t, log.BeginAt("", 20))
}

func testLeap(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.appendN(3)
	before := log.State()
	for _, offset := range []uint64{0, 2, 3} {
		require.Error(t, log.BeginAt("e1", offset), "at %d", offset)
		assert.Equal(t, before, log.State())
	}
	require.NoError(t, log.BeginAt("e1", 4))
	log.eventually("the offset", func() bool { return log.State().Next == 4 })
	assert.Equal(t, replay.State{Epoch: "e1", First: 4, Next: 4}, log.State())
	for offset := range uint64(4) {
		_, err := log.Read(nil, replay.Position{Epoch: "e1", Offset: offset}, 1)
		require.ErrorIs(t, err, replay.ErrGone, "as if it were evicted")
	}
	_, found := log.Find("2")
	assert.False(t, found)
	var conflict *replay.ConflictError
	require.ErrorAs(t, log.Append(t.Context(), event(before.End()).Draft()), &conflict)
	log.appendN(1)
	assert.Equal(t, []uint64{4}, log.offsets())
}

func testAppendAll(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Events: 4})
	calls := atomic.Int32{}
	defer log.Watch(replay.WatcherFunc(func() { calls.Add(1) }))()
	require.NoError(t, log.AppendAll(nil))
	assert.Zero(t, calls.Load(), "nothing has changed")
	log.append()
	require.EqualValues(t, 1, calls.Load())
	require.NoError(t, log.AppendAll(several("e1", 1, 6)))
	log.eventually("the events", func() bool { return log.State().Next == 7 })
	assert.EqualValues(t, 2, calls.Load(), "one call for all of them")
	assert.Equal(t, []uint64{3, 4, 5, 6}, log.offsets())
	events, err := log.Read(nil, replay.Position{Epoch: "e1", Offset: 3}, 9)
	require.NoError(t, err)
	assert.False(t, events[0].At.IsZero())
	log.append()
	assert.Equal(t, []uint64{4, 5, 6, 7}, log.offsets())
}

func testAppendAllConflict(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.appendN(2)
	before := log.State()
	gap := append(several("e1", 2, 2), several("e1", 5, 1)...)
	for name, events := range map[string][]*replay.Event{
		"the first is too early": several("e1", 1, 3), "the first is too late": several("e1", 3, 3),
		"a gap": gap, "of another epoch": several("e0", 2, 2),
	} {
		var conflict *replay.ConflictError
		require.ErrorAs(t, log.AppendAll(events), &conflict, name)
		assert.Equal(t, before, log.State(), name)
	}
	require.NoError(t, log.AppendAll(gap[:2]))
	assert.Equal(t, []uint64{0, 1, 2, 3}, log.offsets())
	log.Close()
	require.ErrorIs(t, log.AppendAll(several("e1", 4, 1)), replay.ErrClosed)
	require.ErrorIs(t, log.BeginAt("e2", 0), replay.ErrClosed)
}

// several returns events that follow each other.
func several(epoch string, first uint64, n int) (all []*replay.Event) {
	for i := range uint64(n) {
		all = append(all, event(replay.Position{Epoch: epoch, Offset: first + i}))
	}
	return all
}
