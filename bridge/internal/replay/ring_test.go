package replay_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/internal/replay/replaytest"
)

func TestRingIsALog(t *testing.T) {
	replaytest.Run(t, func(b replay.Bounds) replaytest.Log { return replay.NewRing(b) })
}

// newRing returns a ring in the epoch "e1", which is closed with the test.
func newRing(t testing.TB, b replay.Bounds) *replay.Ring {
	t.Helper()
	r := replay.NewRing(b)
	t.Cleanup(r.Close)
	require.NoError(t, r.Begin(t.Context(), "e1"))
	return r
}

// put appends an event with data of that many bytes.
func put(t testing.TB, r *replay.Ring, bytes int) *replay.Event {
	t.Helper()
	e, err := replay.NewEvent(r.State().End(), []byte("data: "+strings.Repeat("x", bytes)+"\n\n"), 0)
	require.NoError(t, err)
	require.NoError(t, r.Append(t.Context(), e.Draft()))
	return newest(t, r)
}

// newest returns the newest event, with the forms that count.
func newest(t testing.TB, r *replay.Ring) *replay.Event {
	t.Helper()
	at := r.State().End()
	at.Offset--
	events, err := r.Read(nil, at, 1)
	require.NoError(t, err)
	return events[0]
}

// each returns the forms that an event can have.
func each() []frame.Form {
	return []frame.Form{{Chunked: true}, {Encoding: frame.Gzip}, {Encoding: frame.Zstd}}
}

func TestEventsAgeWithoutAppends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, replay.Bounds{Age: time.Minute})
		for range 4 {
			put(t, r, 10)
			time.Sleep(20 * time.Second)
		}
		_, err := r.Read(nil, replay.Position{Epoch: "e1"}, 10)
		require.ErrorIs(t, err, replay.ErrGone, "80 s old")
		events, err := r.Read(nil, replay.Position{Epoch: "e1", Offset: 1}, 10)
		require.NoError(t, err, "60 s old")
		require.Len(t, events, 3)

		time.Sleep(time.Hour)
		events, err = r.Read(nil, replay.Position{Epoch: "e1", Offset: 3}, 10)
		require.NoError(t, err, "the newest stays")
		require.Len(t, events, 1)
		assert.EqualValues(t, 3, r.State().First)
	})
}

func TestEachMethodChecksTheAge(t *testing.T) {
	for name, look := range map[string]func(r *replay.Ring) bool{
		"read": func(r *replay.Ring) bool {
			_, err := r.Read(nil, replay.Position{Epoch: "e1"}, 1)
			return err == nil
		},
		"find":   func(r *replay.Ring) bool { _, found := r.Find("1"); return found },
		"state":  func(r *replay.Ring) bool { return r.State().First == 0 },
		"lag":    func(r *replay.Ring) bool { return r.Lag(replay.Position{Epoch: "e1"}).Bytes == 27 },
		"append": func(r *replay.Ring) bool { put(t, r, 1); return r.State().First == 0 },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRing(t, replay.Bounds{Age: time.Minute})
			for range 3 {
				e, err := replay.NewEvent(r.State().End(), []byte("data: 1\n\n"), 0)
				require.NoError(t, err)
				e.ID = fmt.Sprint(e.Offset + 1)
				require.NoError(t, r.Append(t.Context(), e.Draft()))
			}
			time.Sleep(time.Minute)
			assert.True(t, look(r), "%s: as old as allowed", name)
			time.Sleep(time.Nanosecond)
			assert.False(t, look(r), "%s: older", name)
		})
	}
}

func TestLagSharesEachBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := replay.Position{Epoch: "e1"}
		byAge := newRing(t, replay.Bounds{Events: 100, Age: time.Minute})
		put(t, byAge, 1)
		time.Sleep(30 * time.Second)
		assert.Zero(t, byAge.Lag(start).Share, "the newest is always held")
		put(t, byAge, 1)
		assert.InDelta(t, 0.5, byAge.Lag(start).Share, 0.001)

		byBytes := newRing(t, replay.Bounds{Events: 100, Bytes: 100_000})
		for range 6 {
			put(t, byBytes, 10_000)
		}
		share := byBytes.Lag(start).Share
		assert.InDelta(t, 0.6, share, 0.05)
		assert.InDelta(t, share/2, byBytes.Lag(replay.Position{Epoch: "e1", Offset: 3}).Share, 0.01)

		unbounded := newRing(t, replay.Bounds{})
		put(t, unbounded, 1)
		put(t, unbounded, 1)
		assert.Equal(t, replay.Lag{Events: 2, Bytes: 18}, unbounded.Lag(start))
	})
}

func TestFormsThatAreMadeLaterCount(t *testing.T) {
	const bound = 40_000
	r := newRing(t, replay.Bounds{Bytes: bound})
	var events []*replay.Event
	for range 3 {
		events = append(events, put(t, r, 10_000))
	}
	before, size := r.State().Bytes, events[0].Frame.Size()
	for _, form := range each() {
		events[0].Frame.Bytes(form)
	}
	assert.Equal(t, before+int64(events[0].Frame.Size()-size), r.State().Bytes)
	assert.EqualValues(t, 0, r.State().First)

	require.NoError(t, r.Append(t.Context(), replay.Draft{Position: r.State().End(), Block: noBetterCompressed(16_000)}))
	require.EqualValues(t, 1, r.State().First)
	last := newest(t, r)
	last.Frame.Bytes(frame.Form{Encoding: frame.Zstd})
	assert.LessOrEqual(t, r.State().Bytes, int64(bound), "State evicts")
	assert.EqualValues(t, 3, r.State().First)
	last.Frame.Bytes(frame.Form{Encoding: frame.Gzip})
	assert.Greater(t, r.State().Bytes, int64(bound), "the newest alone")
	assert.EqualValues(t, 3, r.State().First)
}

// noBetterCompressed returns a block that no coding makes much smaller.
func noBetterCompressed(n int) []byte {
	b := []byte("data: ")
	for x := uint64(1); len(b) < n; x = x*6364136223846793005 + 1442695040888963407 {
		b = append(b, '!'+byte(x>>58))
	}
	return append(b, "\n\n"...)
}

func TestEvictedFramesAreNotCounted(t *testing.T) {
	r := newRing(t, replay.Bounds{Events: 1})
	old := put(t, r, 1000)
	put(t, r, 1000)
	before := r.State().Bytes
	for _, form := range each() {
		assert.NotEmpty(t, old.Frame.Bytes(form), "a subscriber that still has it may still write it")
	}
	assert.Equal(t, before, r.State().Bytes)
	require.NoError(t, r.Begin(t.Context(), "e2"))
	assert.Zero(t, r.State().Bytes)
}

func TestBytesAreAboutWhatIsHeld(t *testing.T) {
	const events = 20_000
	r := newRing(t, replay.Bounds{Events: events})
	before := heap()
	for i := range 2*events + events/3 {
		e, err := replay.NewEvent(r.State().End(), []byte(`data: {"symbol":"AAPL","price":189.5}`+"\n\n"), 0)
		require.NoError(t, err)
		e.ID = fmt.Sprintf("id-%06d", i)
		require.NoError(t, r.Append(t.Context(), e.Draft()))
	}
	assert.Less(t, int64(heap()-before), r.State().Bytes*3/4, "where none is made")
	_, err := r.Read(nil, r.State().Start(), events)
	require.NoError(t, err)
	took := float64(heap() - before)
	assert.InEpsilon(t, took, float64(r.State().Bytes), 0.25, "%.0f bytes an event, %d counted", took/events, r.State().Bytes/events)
	runtime.KeepAlive(r)
}

// heap returns the bytes of the heap that are in use, without what earlier tests have left in pools: a collection leaves them once.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func TestReadingAllocatesNothing(t *testing.T) {
	r := newRing(t, replay.Bounds{Events: 100, Bytes: 1 << 20, Age: time.Hour})
	for range 100 {
		put(t, r, 100)
	}
	s := r.State()
	dst, entries := make([]*replay.Event, 0, 64), make([]replay.Entry, 0, 64)
	for what, f := range map[string]func(){
		"read":    func() { dst, _ = r.Read(dst[:0], s.Start(), 64) },
		"none":    func() { dst, _ = r.Read(dst[:0], s.End(), 64) },
		"lag":     func() { r.Lag(s.Start()) },
		"entries": func() { entries, _ = r.Entries(entries[:0], s.Start(), 64) },
		"find":    func() { r.Find("1") },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), what)
	}
}
