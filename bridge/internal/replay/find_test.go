package replay_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// TestIDsAreFoundHoweverSeldom has any number of events between two searches: the log notes ids late, and finds the same.
func TestIDsAreFoundHoweverSeldom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bounds := replay.Bounds{Events: rapid.SampledFrom([]int{1, 3, 1000, 1024, 3000}).Draw(rt, "bound")}
		ids := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f", "g"}), 1, 40).Draw(rt, "ids")
		r := newRing(t, bounds)
		defer r.Close()
		var all []string
		for _, pause := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 2, 7, 500, 1023, 1024, 1025, 2500}), 1, 6).Draw(rt, "pauses") {
			for range pause {
				id := ids[len(all)*len(all)%len(ids)]
				e, err := replay.NewEvent(r.State().End(), []byte("data: x\n\n"), 0)
				require.NoError(rt, err)
				e.ID = id
				require.NoError(rt, r.Append(t.Context(), e.Draft()))
				all = append(all, id)
			}
			for _, id := range []string{"", "a", "d", "g", "z"} {
				at, found := r.Find(id)
				want, once := behind(all, max(0, len(all)-bounds.Events), id)
				require.Equal(rt, once, found, "%q after %d events", id, len(all))
				if found {
					require.EqualValues(rt, want, at.Offset)
				}
			}
		}
	})
}

// behind returns the offset behind the newest event with an id, of those from first on. once is false where there is none, or where
// others stand between two of them.
func behind(ids []string, first int, id string) (offset int, once bool) {
	runs := 0
	for i := first; i < len(ids); i++ {
		if ids[i] == id {
			if i == first || ids[i-1] != id {
				runs++
			}
			offset = i + 1
		}
	}
	return offset, id != "" && runs == 1
}
