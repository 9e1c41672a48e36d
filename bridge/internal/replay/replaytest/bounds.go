package replaytest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// big is the size of an event beside which nothing else of it counts for much.
const big = 16 << 10

func (s *subject) appendBig(n int) {
	s.t.Helper()
	for range n {
		e := sized(s.State().End(), big)
		require.NoError(s.t, s.Append(s.t.Context(), e.Draft()))
		s.eventually("the event "+e.String(), func() bool { return s.State().Next > e.Offset })
	}
}

func testBoundedInEvents(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Events: 3})
	log.appendN(3)
	assert.Equal(t, []uint64{0, 1, 2}, log.offsets())
	log.appendN(2)
	log.eventually("eviction", func() bool { return log.State().First == 2 })
	assert.Equal(t, []uint64{2, 3, 4}, log.offsets())
	_, err := log.Read(nil, replay.Position{Epoch: "e1", Offset: 1}, 1)
	assert.ErrorIs(t, err, replay.ErrGone)
	log.appendN(100)
	assert.Equal(t, []uint64{102, 103, 104}, log.offsets())
}

func testBoundedInBytes(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Bytes: 10 * big})
	for range 30 {
		log.appendBig(1)
		assert.LessOrEqual(t, log.State().Bytes, int64(10*big))
	}
	held := log.offsets()
	assert.GreaterOrEqual(t, len(held), 7, "the bound is made use of")
	assert.LessOrEqual(t, len(held), 10)
	assert.EqualValues(t, 29, held[len(held)-1])
	assert.GreaterOrEqual(t, log.State().Bytes, int64(len(held)*big))
	log.appendN(3)
	assert.LessOrEqual(t, log.State().Bytes, int64(10*big))
}

func testBoundedInAge(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Age: time.Hour})
	now := time.Now()
	for _, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, 30 * time.Minute, time.Minute} {
		log.append(func(e *replay.Event) { e.At = now.Add(-age) })
	}
	log.eventually("eviction", func() bool { return log.State().First == 2 })
	assert.Equal(t, []uint64{2, 3}, log.offsets())
}

func testNewestIsHeld(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{Events: 100, Bytes: big / 2, Age: time.Hour})
	log.appendN(2)
	log.appendBig(1)
	assert.Equal(t, []uint64{2}, log.offsets(), "larger than what may be held")
	log.append(func(e *replay.Event) { e.At = time.Now().Add(-2 * time.Hour) })
	assert.Equal(t, []uint64{3}, log.offsets(), "older than what may be held")
	log.appendN(2)
	log.eventually("eviction", func() bool { return log.State().First == 4 })
	assert.Equal(t, []uint64{4, 5}, log.offsets())
	log.Trim(0)
	assert.Equal(t, []uint64{5}, log.offsets())
}

func testTrim(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	log.Trim(0)
	log.appendBig(10)
	before := log.State()
	log.Trim(before.Bytes)
	assert.Equal(t, before, log.State(), "no more is held")
	log.Trim(before.Bytes / 2)
	log.eventually("half of it gone", func() bool { return log.State().First > 0 })
	assert.LessOrEqual(t, log.State().Bytes, before.Bytes/2)
	assert.InDelta(t, 5, len(log.offsets()), 1)
	_, err := log.Read(nil, replay.Position{Epoch: "e1", Offset: 3}, 1)
	require.ErrorIs(t, err, replay.ErrGone)
	log.appendBig(1)
	assert.EqualValues(t, 11, log.State().Next)
	log.Trim(0)
	log.eventually("the newest alone", func() bool { return log.State().First == 10 })
	log.Trim(-1)
	assert.Equal(t, []uint64{10}, log.offsets())
}
