package replay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestSubjects(t *testing.T) {
	assert.Zero(t, replay.SubjectOf(nil), "no name is no subject")
	assert.NotZero(t, replay.SubjectOf([]byte{0}))
	assert.Equal(t, replay.SubjectOf([]byte("EUR")), replay.SubjectOf([]byte("EUR")))
	assert.NotEqual(t, replay.SubjectOf([]byte("EUR")), replay.SubjectOf([]byte("USD")))
	assert.NotEqual(t, replay.SubjectOf(make([]byte, 1<<20)), replay.SubjectOf(make([]byte, 1<<20+1)))
}

// newestOf is what ReadNewest must return, without regard to cost.
func newestOf(all []*replay.Event, to uint64) (offsets []uint64) {
	for i, e := range all {
		superseded := false
		for _, newer := range all[i+1:] {
			superseded = superseded || e.Subject != (replay.Subject{}) && newer.Subject == e.Subject && newer.Offset < to
		}
		if e.Offset < to && !superseded {
			offsets = append(offsets, e.Offset)
		}
	}
	return offsets
}

// TestTheNewestOfEachSubject reads a log, which evicts and begins anew, from everywhere up to everywhere.
func TestTheNewestOfEachSubject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := replay.NewRing(replay.Bounds{Events: rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(30, 80)).Draw(t, "bound")})
		defer log.Close()
		for epoch := range rapid.IntRange(1, 3).Draw(t, "epochs") {
			require.NoError(t, log.BeginAt(fmt.Sprint("e", epoch), rapid.Uint64Range(0, 3).Draw(t, "begin")))
			received := time.Now()
			for range rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(40, 120)).Draw(t, "events") {
				e, err := replay.NewEvent(log.State().End(), []byte("data: x\n\n"), 0)
				require.NoError(t, err)
				received = received.Add(time.Second)
				e.At = received
				e.Subject = replay.SubjectOf([]byte(rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "subject")))
				require.NoError(t, log.Append(t.Context(), e.Draft()))
			}
			state := log.State()
			from := replay.Position{Epoch: state.Epoch, Offset: rapid.Uint64Range(state.First, state.Next+1).Draw(t, "from")}
			to := rapid.Uint64Range(0, state.Next+2).Draw(t, "to")
			limit := rapid.IntRange(0, 120).Draw(t, "limit")
			all, err := log.Read(nil, from, 1000)
			require.NoError(t, err)
			want := newestOf(all, to)
			assert.Equal(t, len(want), log.CountNewest(from, to))
			var got []uint64
			events, err := log.ReadNewest(nil, from, to, limit)
			require.NoError(t, err)
			for _, e := range events {
				got = append(got, e.Offset)
			}
			assert.Equal(t, want[:min(len(want), limit)], append(want[:0:0], got...))
			if state.First > 0 {
				from.Offset = state.First - 1
				_, err = log.ReadNewest(nil, from, to, 1)
				assert.ErrorIs(t, err, replay.ErrGone)
			}
		}
	})
}
