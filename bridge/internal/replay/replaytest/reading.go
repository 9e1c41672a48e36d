package replaytest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func testBeforeTheFirstEpoch(t *testing.T, open func(replay.Bounds) Log) {
	log := open(replay.Bounds{})
	defer log.Close()
	assert.Zero(t, log.State())
	_, found := log.Find("")
	assert.False(t, found)

	var conflict *replay.ConflictError
	require.ErrorAs(t, log.Append(t.Context(), event(replay.Position{}).Draft()), &conflict)
	require.ErrorAs(t, log.Append(t.Context(), event(replay.Position{Epoch: "e1"}).Draft()), &conflict)
	_, err := log.Read(nil, replay.Position{Epoch: "e1"}, 1)
	assert.ErrorIs(t, err, replay.ErrGone)
}

func testReadsWhatWasAppended(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	before := time.Now()
	want := []*replay.Event{
		log.append(func(e *replay.Event) { e.ID = "~IA" }),
		log.append(func(e *replay.Event) { e.Key = "AAPL\n\x00é" }),
		log.append(func(e *replay.Event) { e.Mark = true }),
		log.append(func(e *replay.Event) { e.At = time.UnixMilli(1_763_900_123_456) }),
	}
	got, err := log.Read(nil, log.State().Start(), 10)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want {
		assert.Equal(t, replay.Position{Epoch: "e1", Offset: uint64(i)}, got[i].Position)
		assert.Equal(t, string(want[i].Block()), string(got[i].Block()))
		assert.Equal(t, fmt.Sprintf(`{"at":"e1-%d","text":""}`+"\n", i), string(got[i].Frame.Piece().Line(got[i].Data())))
		assert.Equal(t, [...]any{want[i].ID, want[i].Key, want[i].Mark}, [...]any{got[i].ID, got[i].Key, got[i].Mark})
		if !want[i].At.IsZero() {
			assert.WithinDuration(t, want[i].At, got[i].At, time.Millisecond)
		}
	}
	assert.WithinRange(t, got[0].At, before.Add(-time.Millisecond), time.Now().Add(time.Millisecond), "Append sets the time")

	again, err := log.Read(nil, log.State().Start(), 10)
	require.NoError(t, err)
	require.Equal(t, len(got), len(again), "reading takes nothing away")
}

func testReadMax(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.appendN(5)
	read := func(offset uint64, limit int) []uint64 {
		events, err := log.Read([]*replay.Event{nil}, replay.Position{Epoch: "e1", Offset: offset}, limit)
		require.NoError(t, err)
		require.Nil(t, events[0], "what dst has stays")
		offsets := []uint64{}
		for _, e := range events[1:] {
			offsets = append(offsets, e.Offset)
		}
		return offsets
	}
	assert.Equal(t, []uint64{0, 1}, read(0, 2))
	assert.Equal(t, []uint64{2, 3, 4}, read(2, 3))
	assert.Equal(t, []uint64{4}, read(4, 3))
	assert.Empty(t, read(0, 0))
	assert.Empty(t, read(5, 3), "nothing follows yet")
	assert.Empty(t, read(9, 3), "a place that the log cannot show yet")
}

func testFind(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Events: 4})
	place := func(id string) any {
		at, found := log.Find(id)
		if !found {
			return nil
		}
		assert.Equal(t, "e1", at.Epoch)
		return at.Offset
	}
	for _, id := range []string{"a", "b", "b", ""} {
		log.append(func(e *replay.Event) { e.ID = id })
	}
	assert.EqualValues(t, 1, place("a"))
	assert.EqualValues(t, 3, place("b"), "behind the newest of the two that follow each other")
	assert.Nil(t, place("c"))
	assert.Nil(t, place(""), "which is no id")

	log.append(func(e *replay.Event) { e.ID = "a" })
	assert.EqualValues(t, 5, place("a"), "an event with the same id was evicted; this one is held")
	log.append(func(e *replay.Event) { e.ID = "b" })
	assert.Nil(t, place("b"), "other events stand between two that have it")
	log.append()
	assert.EqualValues(t, 6, place("b"), "the earlier one was evicted")
	log.appendN(3)
	assert.Nil(t, place("a"), "evicted")
	assert.Nil(t, place("b"), "evicted")
}

func testLag(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Events: 10})
	start := log.State().Start()
	assert.Zero(t, log.Lag(start))
	var bytes int64
	last := 0.0
	for i := range 10 {
		bytes += int64(len(log.append().Block()))
		lag := log.Lag(start)
		assert.EqualValues(t, i+1, lag.Events)
		assert.Equal(t, bytes, lag.Bytes)
		assert.GreaterOrEqual(t, lag.Share, last)
		last = lag.Share
		if i == 0 {
			assert.Zero(t, lag.Share, "the newest event is always held")
		}
	}
	assert.InDelta(t, 1, last, 0.1, "the next one evicts it")
	assert.InDelta(t, 0.5, log.Lag(replay.Position{Epoch: "e1", Offset: 5}).Share, 0.1)
	assert.Zero(t, log.Lag(log.State().End()))
	assert.Zero(t, log.Lag(replay.Position{Epoch: "e1", Offset: 99}), "a place that the log cannot show yet")

	log.appendN(3)
	lag := log.Lag(start)
	assert.EqualValues(t, 13, lag.Events)
	assert.EqualValues(t, 1, lag.Share, "gone")
	assert.Equal(t, replay.Lag{Share: 1}, log.Lag(replay.Position{Epoch: "e0"}), "another epoch")
}
