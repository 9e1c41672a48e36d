package fanout

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func valueAt(offset uint64, key string) *replay.Event {
	e, err := replay.NewEvent(replay.Position{Epoch: "e", Offset: offset}, []byte("data: x\n\n"), 0)
	if err != nil {
		panic(err)
	}
	e.Key = key
	return e
}

func TestLastValuesAreTheNewestOfEachKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := lastValues{maxKeys: rapid.IntRange(0, 5).Draw(t, "keys")}
		newest := map[string]*replay.Event{}
		one := overhead(valueAt(0, "a")) + int64(valueAt(0, "a").Frame.Size())
		for offset, key := range rapid.SliceOfN(rapid.StringMatching(`[a-h]`), 0, 400).Draw(t, "updates") {
			e := valueAt(uint64(2*offset), key)
			v.put(e)
			newest[key] = e
			if v.maxKeys > 0 && len(newest) > v.maxKeys {
				delete(newest, oldest(newest).Key)
			}
			require.Equal(t, inOrder(newest), eventsOf(v.read(nil, 0, 1000, 1000)))
			require.Equal(t, one*int64(len(newest)), v.bytes())
			require.LessOrEqual(t, len(v.slots), 2*len(newest)+minSlots+1, "what is empty is given back")
		}
		from, to := rapid.Uint64Range(0, 800).Draw(t, "from"), rapid.Uint64Range(0, 800).Draw(t, "to")
		var want []*replay.Event
		for _, e := range inOrder(newest) {
			if e.Offset >= from && e.Offset < to && len(want) < 3 {
				want = append(want, e)
			}
		}
		assert.Equal(t, want, eventsOf(v.read(nil, from, to, 3)))
		v.trim(0)
		assert.Len(t, v.read(nil, 0, 1000, 1000), min(1, len(newest)), "the newest stays")
		v.clear()
		assert.Zero(t, v.bytes())
		assert.Empty(t, v.read(nil, 0, 1000, 1000))
	})
}

func eventsOf(entries []replay.Entry) (events []*replay.Event) {
	for i := range entries {
		events = append(events, entries[i].Event())
	}
	return events
}

func inOrder(values map[string]*replay.Event) []*replay.Event {
	return slices.SortedFunc(maps.Values(values), func(a, b *replay.Event) int { return int(a.Offset) - int(b.Offset) })
}

func oldest(values map[string]*replay.Event) *replay.Event { return inOrder(values)[0] }

func TestPositionsAsIDs(t *testing.T) {
	for range 100 {
		at := replay.Position{Epoch: newEpoch(), Offset: 1234567890123}
		back, ok := parsePosition(positionID(at).String())
		require.True(t, ok)
		at.Offset++
		require.Equal(t, at, back, "the place behind")
		back, ok = parsePosition(startID(at.Epoch).String())
		require.True(t, ok)
		require.Equal(t, replay.Position{Epoch: at.Epoch}, back)
	}
}
