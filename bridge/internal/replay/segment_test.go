package replay_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// drawEvent draws an event at a position that was received at a time.
func drawEvent(t *rapid.T, at replay.Position, received time.Time) *replay.Event {
	id := rapid.SampledFrom([]string{"", "7", "x-12", "id: 3", "é", "a\nid: b", strings.Repeat("i", 255), strings.Repeat("i", 256)}).Draw(t, "id")
	name := rapid.SampledFrom([]string{"", "event: tick\n"}).Draw(t, "name")
	block := name + "data: " + strings.Repeat("x", rapid.SampledFrom([]int{0, 3, 200, 1000, 3000}).Draw(t, "bytes"))
	block += rapid.SampledFrom([]string{"", "\nid: " + id, "\nid: other", "\nid: ", "\nid: " + id + "\nretry: 5"}).Draw(t, "tail") + "\n\n"
	e, err := replay.NewEvent(at, []byte(block), len(name))
	require.NoError(t, err)
	e.ID, e.At = id, received
	e.Key = rapid.SampledFrom([]string{"", "k", "AAPL\n\x00é"}).Draw(t, "key")
	e.Mark = rapid.Bool().Draw(t, "mark")
	e.Subject = replay.SubjectOf([]byte(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "subject")))
	return e
}

// TestOldEventsAreReadAsTheyWere has events of all kinds become old, and reads them in pieces of any size.
func TestOldEventsAreReadAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := replay.NewRing(replay.Bounds{Events: rapid.SampledFrom([]int{0, 33, 50, 100}).Draw(t, "bound")})
		defer r.Close()
		require.NoError(t, r.Begin(t.Context(), "e1"))
		received := time.Now()
		if rapid.Bool().Draw(t, "wall") {
			received = received.Round(0) // as those are that another process has received
		}
		var want []*replay.Event
		for range rapid.IntRange(30, 120).Draw(t, "events") {
			received = received.Add(rapid.SampledFrom([]time.Duration{0, 100 * time.Millisecond, time.Second, -time.Millisecond}).Draw(t, "later"))
			e := drawEvent(t, r.State().End(), received)
			require.NoError(t, r.Append(t.Context(), e.Draft()))
			want = append(want, e)
		}
		state := r.State()
		from := rapid.Uint64Range(state.First, state.Next).Draw(t, "from")
		for at := (replay.Position{Epoch: "e1", Offset: from}); at.Offset < state.Next; {
			got, err := r.Read(nil, at, rapid.IntRange(1, 40).Draw(t, "limit"))
			require.NoError(t, err)
			require.NotEmpty(t, got)
			entries, err := r.Entries(nil, at, len(got))
			require.NoError(t, err)
			require.Len(t, entries, len(got))
			for i, e := range got {
				same(t, want[at.Offset], e)
				sameEntry(t, want[at.Offset], &entries[i])
				require.Same(t, e, entries[i].Event())
				at.Offset++
			}
		}
		assert.Equal(t, size(want[from:]), r.Lag(replay.Position{Epoch: "e1", Offset: from}).Bytes)
	})
}

func size(events []*replay.Event) (n int64) {
	for _, e := range events {
		n += int64(len(e.Block()))
	}
	return n
}

// same checks that an event is the one that was appended.
func same(t require.TestingT, want, got *replay.Event) {
	require.Equal(t, want.Position, got.Position)
	require.Equal(t, string(want.Block()), string(got.Block()), want.Position)
	require.Equal(t, string(want.Frame.Bytes(frame.Form{Chunked: true})), string(got.Frame.Bytes(frame.Form{Chunked: true})))
	require.Equal(t, [...]any{want.ID, want.Key, want.Subject, want.Mark, want.Data()},
		[...]any{got.ID, got.Key, got.Subject, got.Mark, got.Data()}, want.Position)
	require.True(t, want.At.Equal(got.At), "%s and %s", want.At, got.At)
}

// sameEntry checks that an entry is the event that was appended.
func sameEntry(t require.TestingT, want *replay.Event, got *replay.Entry) {
	require.Equal(t, want.Position, replay.Position{Epoch: got.Epoch(), Offset: got.Offset})
	require.Equal(t, string(want.Block()), string(got.Block()), want.Position)
	for _, form := range append(each(), frame.Form{}, frame.Form{Encoding: frame.Gzip, Chunked: true}) {
		require.Equal(t, string(want.Frame.Bytes(form)), string(got.Bytes(form)))
	}
	require.Equal(t, string(want.Frame.Piece().Line(want.Data())), string(got.Line()))
	require.Equal(t, [...]any{want.ID, want.Key, want.Mark}, [...]any{got.ID(), got.Key(), got.Mark()}, want.Position)
	require.True(t, want.At.Equal(got.At()), "%s and %s", want.At, got.At())
}

// slowly appends events that come a tenth of a second after each other, the last one now.
func slowly(t testing.TB, r *replay.Ring, events int) {
	t.Helper()
	for i := range events {
		e, err := replay.NewEvent(r.State().End(), []byte(`data: {"symbol":"AAPL","price":189.5}`+"\n"+fmt.Sprintf("id: id-%06d\n\n", i)), 0)
		require.NoError(t, err)
		e.ID, e.At = fmt.Sprintf("id-%06d", i), time.Now().Add(time.Duration(i-events+1)*100*time.Millisecond)
		require.NoError(t, r.Append(t.Context(), e.Draft()))
	}
}

// TestEventsTakeLessMemoryThanTheyCount: who reads their plain form needs no more than their bytes.
func TestEventsTakeLessMemoryThanTheyCount(t *testing.T) {
	const logs, events = 20, 1000
	var rings []*replay.Ring
	before := heap()
	for range logs {
		r := newRing(t, replay.Bounds{})
		slowly(t, r, events)
		rings = append(rings, r)
	}
	plain, counted := int64(heap()-before), int64(0)
	for _, r := range rings {
		entries, err := r.Entries(nil, r.State().Start(), math.MaxInt)
		require.NoError(t, err)
		for i := range entries {
			require.NotEmpty(t, entries[i].Bytes(frame.Form{Chunked: true}))
		}
		counted += r.State().Bytes
		require.Zero(t, r.Made())
	}
	assert.Less(t, int64(heap()-before), plain+plain/10, "they read, and made nothing")
	assert.Less(t, 2*plain, counted, "bytes of %d events", logs*events)
	for _, r := range rings {
		_, err := r.Read(nil, r.State().Start(), math.MaxInt)
		require.NoError(t, err)
	}
	assert.Less(t, int64(heap()-before), counted+counted/10)
	runtime.KeepAlive(rings)
}

// TestReadersChangeNothingThatCounts: what one reader reads must not evict an event that another one needs.
func TestReadersChangeNothingThatCounts(t *testing.T) {
	r := newRing(t, replay.Bounds{Bytes: 100_000})
	slowly(t, r, 1000)
	before := r.State()
	require.Positive(t, before.First, "the bound of bytes holds")
	_, err := r.Read(nil, before.Start(), math.MaxInt)
	require.NoError(t, err)
	_, found := r.Find("id-000999")
	assert.True(t, found)
	assert.Equal(t, before, r.State())
}

// TestAFullLogNotesNoIDs: to note the id of each event costs more than the rest of the log, so a log of the usual length does not
// do it before a subscriber comes back.
func TestAFullLogNotesNoIDs(t *testing.T) {
	r := newRing(t, replay.Bounds{Events: 1024})
	slowly(t, r, 4*1024)
	assert.Zero(t, r.Noted())
	_, found := r.Find("id-004095")
	assert.True(t, found)
	assert.Equal(t, 1024, r.Noted())
}

// TestOldEventsShareTheirForms has several readers read the same old events. All get the same frames, which are compressed once.
func TestOldEventsShareTheirForms(t *testing.T) {
	r := newRing(t, replay.Bounds{})
	slowly(t, r, 100)
	first, err := r.Read(nil, r.State().Start(), math.MaxInt)
	require.NoError(t, err)
	again, err := r.Read(nil, r.State().Start(), math.MaxInt)
	require.NoError(t, err)
	require.Len(t, again, len(first))
	for i := range first {
		require.Same(t, first[i], again[i])
	}
	before := r.State().Bytes
	first[0].Frame.Bytes(frame.Form{Encoding: frame.Gzip})
	assert.Greater(t, r.State().Bytes, before, "a form counts")
	require.NoError(t, r.Begin(t.Context(), "e2"))
	assert.Zero(t, r.State().Bytes)
}

// TestToAskForTheAgeMakesNoEvent has the age and the lag of old events asked for, which must not cost what a read costs.
func TestToAskForTheAgeMakesNoEvent(t *testing.T) {
	r := newRing(t, replay.Bounds{})
	slowly(t, r, 100)
	start := r.State().Start()
	events, err := r.Entries(nil, replay.Position{Epoch: "e1", Offset: 99}, 1)
	require.NoError(t, err)
	age, sinceNewest := r.Age(start), time.Since(events[0].At())
	assert.InDelta(t, 9.9, (age - sinceNewest).Seconds(), 0.5)
	assert.EqualValues(t, 100, r.Lag(start).Events)
	assert.Zero(t, r.Made())
	_, err = r.Read(nil, start, 1)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Made())
	assert.Zero(t, r.Age(r.State().End()), "no such event yet")
	assert.Zero(t, r.Age(replay.Position{Epoch: "e0"}), "another epoch")
	r.Trim(1)
	assert.Zero(t, r.Age(start), "evicted")
}

// TestOldEventsAreReadWhileOthersCome has readers of old events beside an appender that cools and evicts.
func TestOldEventsAreReadWhileOthersCome(t *testing.T) {
	const readers, reads = 4, 300
	r := newRing(t, replay.Bounds{Events: 200})
	slowly(t, r, 200)
	var left atomic.Int64
	left.Store(readers)
	for range readers {
		go func() {
			defer left.Add(-1)
			for range reads {
				at := r.State().Start()
				events, err := r.Read(nil, at, 40)
				for i, e := range events {
					assert.Equal(t, at.Offset+uint64(i), e.Offset)
					assert.True(t, strings.HasSuffix(string(e.Block()), e.ID+"\n\n"))
					e.Frame.Bytes(frame.Form{Encoding: frame.Gzip})
				}
				if err != nil {
					assert.ErrorIs(t, err, replay.ErrGone)
				}
				entries, _ := r.Entries(nil, at, 40)
				for i := range entries { // some are evicted by now
					e := &entries[i]
					assert.True(t, strings.HasSuffix(string(e.Block()), e.ID()+"\n\n"))
					assert.Equal(t, string(e.Block()), string(e.Event().Block()))
					assert.Equal(t, e.ID(), e.Event().ID)
					assert.NotEmpty(t, e.Bytes(frame.Form{Encoding: frame.Gzip}))
				}
			}
		}()
	}
	for at := time.Now(); left.Load() > 0 || r.State().Next < 600; {
		at = at.Add(100 * time.Millisecond)
		e, err := replay.NewEvent(r.State().End(), []byte("data: 1\nid: 7\n\n"), 0)
		require.NoError(t, err)
		e.ID, e.At = "7", at
		require.NoError(t, r.Append(t.Context(), e.Draft()))
		runtime.Gosched()
	}
	r.Trim(0)
	newest := r.State()
	assert.EqualValues(t, 1, newest.Next-newest.First)
	events, err := r.Read(nil, newest.Start(), 1)
	require.NoError(t, err)
	assert.EqualValues(t, events[0].Frame.Size()+256+len(events[0].ID), newest.Bytes, "nothing else is counted")
}

// TestABurstThatBecomesOldIsCooledInParts: no single event waits until all segments of a burst were looked at, and all of them are in
// the end.
func TestABurstThatBecomesOldIsCooledInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, replay.Bounds{})
		for range 1000 {
			put(t, r, 10)
		}
		assert.Equal(t, 1000, r.Made())
		time.Sleep(2 * time.Second)
		put(t, r, 10)
		for made := r.Made(); made > 32+16; made = r.Made() {
			for range 16 {
				put(t, r, 10)
			}
			time.Sleep(2 * time.Second)
			assert.GreaterOrEqual(t, r.Made(), made+16-2*16, "two segments at a time")
			require.Less(t, r.Made(), made, "more than what has come")
		}
	})
}

// TestNewEventsOfAPageAreWarm: readers are told of events that come together before these are cooled, however old they are.
func TestNewEventsOfAPageAreWarm(t *testing.T) {
	old := newRing(t, replay.Bounds{})
	slowly(t, old, 100)
	page, err := old.Read(nil, old.State().Start(), 100)
	require.NoError(t, err)
	r := newRing(t, replay.Bounds{})
	require.NoError(t, r.AppendAll(page))
	assert.Zero(t, r.Cooled())
	for range 12 {
		put(t, r, 10)
	}
	assert.Zero(t, r.Cooled(), "the newest segment is full")
	put(t, r, 10)
	assert.Equal(t, 2, r.Cooled())
}

func TestYoungEventsAreKeptWarm(t *testing.T) {
	r := replay.NewRing(replay.Bounds{})
	t.Cleanup(r.Close)
	r.KeepWarm(5 * time.Second)
	require.NoError(t, r.Begin(t.Context(), "e1"))
	slowly(t, r, 100)
	assert.Equal(t, 2, r.Cooled(), "46 of the 96 in full segments are older than 5 s")
}

// TestWhatWasMadeOfOldEventsIsDropped: a stream whose readers ask for gzip must not keep every event twice.
func TestWhatWasMadeOfOldEventsIsDropped(t *testing.T) {
	r := newRing(t, replay.Bounds{})
	slowly(t, r, 20)
	before := r.State().Bytes
	events, err := r.Read(nil, r.State().Start(), math.MaxInt)
	require.NoError(t, err)
	for _, e := range events {
		e.Frame.Bytes(frame.Form{Encoding: frame.Gzip})
	}
	assert.Equal(t, 20, r.Made())
	assert.Greater(t, r.State().Bytes, before)
	for range 13 { // the last one needs another segment
		e := events[19].Draft()
		e.Position, e.At = r.State().End(), time.Now().Add(2*time.Second)
		require.NoError(t, r.Append(t.Context(), e))
	}
	assert.Equal(t, 4, r.Made(), "those of the newer segment")
	oldest := first(t, r)
	require.NotSame(t, events[0], oldest)
	same(t, events[0], oldest)
	assert.Same(t, oldest, first(t, r), "readers share it again")
}

// first returns the oldest event.
func first(t *testing.T, r *replay.Ring) *replay.Event {
	t.Helper()
	events, err := r.Read(nil, r.State().Start(), 1)
	require.NoError(t, err)
	return events[0]
}

// TestAnEntryStaysAsItIs has an entry read after its event has left the log, with all that others need of it.
func TestAnEntryStaysAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := replay.NewRing(replay.Bounds{})
		defer r.Close()
		require.NoError(t, r.Begin(t.Context(), "e1"))
		var want []*replay.Event
		for range rapid.IntRange(2, 40).Draw(t, "events") {
			e := drawEvent(t, r.State().End(), time.Now())
			require.NoError(t, r.Append(t.Context(), e.Draft()))
			want = append(want, e)
		}
		entries, err := r.Entries(nil, r.State().Start(), math.MaxInt)
		require.NoError(t, err)
		for i := range entries {
			if rapid.Bool().Draw(t, "made") {
				entries[i].Event()
			}
		}
		switch rapid.SampledFrom([]string{"trim", "begin", "close"}).Draw(t, "how") {
		case "trim":
			r.Trim(rapid.Int64Range(0, r.State().Bytes).Draw(t, "bytes"))
		case "begin":
			require.NoError(t, r.Begin(t.Context(), "e2"))
		case "close":
			r.Close()
		}
		before := r.State().Bytes
		for i := range entries {
			sameEntry(t, want[i], &entries[i])
			same(t, want[i], entries[i].Event())
		}
		if state := r.State(); state.Next == state.First {
			assert.Equal(t, before, state.Bytes, "evicted events count nowhere")
		}
	})
}

// TestALargeEventIsFreeWhenItIsEvicted: the events beside it must not keep its memory.
func TestALargeEventIsFreeWhenItIsEvicted(t *testing.T) {
	r := newRing(t, replay.Bounds{Events: 4})
	before := heap()
	for range 4 {
		e, err := replay.NewDraft(r.State().End(), []byte("data: "+strings.Repeat("x", 8<<20)+"\n\n"), 0)
		require.NoError(t, err)
		require.NoError(t, r.Append(t.Context(), e))
	}
	assert.Greater(t, int64(heap())-int64(before), int64(30<<20))
	for range 4 {
		e, err := replay.NewDraft(r.State().End(), []byte("data: 1\n\n"), 0)
		require.NoError(t, err)
		require.NoError(t, r.Append(t.Context(), e))
	}
	assert.Less(t, int64(heap())-int64(before), int64(1<<20))
	runtime.KeepAlive(r)
}
