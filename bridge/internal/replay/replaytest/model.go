package replaytest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// model has everything that was appended to a log in its epoch.
type model struct {
	epoch  string
	blocks []string // from offset 0 on, also of the events that the log never had
	ids    []string
	base   uint64 // the offset of the first event that the log has had
	first  uint64 // the oldest event that the log was ever seen to hold; it never goes back
}

// testModel draws what happens to a log, and compares the log with the model after each step. A log may evict at any time, as
// long as it is within its bounds and its methods agree with each other.
func testModel(t *testing.T, open func(replay.Bounds) Log) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := replay.Bounds{
			Events: rapid.SampledFrom([]int{0, 1, 2, 10}).Draw(t, "events"),
			Bytes:  rapid.SampledFrom([]int64{0, 1, 8 << 10, 64 << 10}).Draw(t, "bytes"),
			Age:    rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "age"),
		}
		log := watch(t, open(bounds))
		defer log.close()
		var m model
		epochs := 0
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				log.t = t
				epochs++
				m = model{epoch: fmt.Sprintf("e%d", epochs)}
				log.begin(m.epoch)
			},
			"begin at": func(t *rapid.T) {
				log.t = t
				offset := rapid.Uint64Range(0, 30).Draw(t, "offset")
				if epochs == 0 || offset <= uint64(len(m.blocks)) || rapid.Bool().Draw(t, "anew") {
					epochs++
				}
				m.beginAt(t, log, fmt.Sprintf("e%d", epochs), offset)
			},
			"append all": func(t *rapid.T) {
				log.t = t
				if m.epoch == "" {
					t.Skip()
				}
				m.appendAll(t, log)
			},
			"append": func(t *rapid.T) {
				log.t = t
				if m.epoch == "" {
					t.Skip()
				}
				m.append(t, log)
			},
			"conflict": func(t *rapid.T) {
				at := replay.Position{Epoch: m.epoch, Offset: rapid.Uint64Range(0, 20).Draw(t, "offset")}
				if at.Offset != uint64(len(m.blocks)) {
					require.Error(t, log.Append(t.Context(), event(at).Draft()))
				}
			},
			"trim": func(t *rapid.T) {
				log.Trim(rapid.Int64Range(0, 32<<10).Draw(t, "to"))
			},
			"": func(t *rapid.T) { m.check(t, log, bounds) },
		})
	})
}

func drawID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"}).Draw(t, "id")
}

func (m *model) beginAt(t *rapid.T, log *subject, epoch string, offset uint64) {
	*m = model{epoch: epoch, blocks: make([]string, offset), ids: make([]string, offset), base: offset, first: offset}
	require.NoError(t, log.BeginAt(epoch, offset))
	log.eventually("the epoch "+epoch, func() bool { return log.State().Epoch == epoch && log.State().Next == offset })
}

func (m *model) append(t *rapid.T, log *subject) {
	e := m.draw(t)
	require.NoError(t, log.Append(t.Context(), e.Draft()))
	log.eventually("the event "+e.String(), func() bool { return log.State().Next > e.Offset })
}

func (m *model) appendAll(t *rapid.T, log *subject) {
	var events []*replay.Event
	for range rapid.IntRange(0, 5).Draw(t, "events") {
		events = append(events, m.draw(t))
	}
	require.NoError(t, log.AppendAll(events))
	log.eventually("the events", func() bool { return log.State().Next == uint64(len(m.blocks)) })
}

// draw returns the next event.
func (m *model) draw(t *rapid.T) *replay.Event {
	at := replay.Position{Epoch: m.epoch, Offset: uint64(len(m.blocks))}
	e := sized(at, rapid.IntRange(0, 4000).Draw(t, "size"), func(e *replay.Event) {
		e.ID = drawID(t)
		e.At = time.Now().Add(-time.Duration(rapid.IntRange(0, 2).Draw(t, "half hours")) * 31 * time.Minute)
	})
	m.blocks, m.ids = append(m.blocks, string(e.Block())), append(m.ids, e.ID)
	return e
}

func (m *model) check(t *rapid.T, log *subject, bounds replay.Bounds) {
	s := log.State()
	require.Equal(t, replay.Position{Epoch: m.epoch, Offset: uint64(len(m.blocks))}, s.End())
	held := s.Next - s.First
	require.GreaterOrEqual(t, s.First, m.first)
	m.first = s.First
	require.Equal(t, held == 0, len(m.blocks) == int(m.base), "the newest event is held")
	if held > 1 {
		require.True(t, bounds.Events == 0 || held <= uint64(bounds.Events), "%d events", held)
		require.True(t, bounds.Bytes == 0 || s.Bytes <= bounds.Bytes, "%d bytes", s.Bytes)
	}
	m.checkEvents(t, log, s, bounds)
	for _, id := range []string{"", "a", "b", "c", "d", "e"} {
		at, found := log.Find(id)
		require.Equal(t, m.unique(id, s.First), found, "id %q", id)
		if found {
			require.Equal(t, replay.Position{Epoch: m.epoch, Offset: m.newest(id) + 1}, at, "id %q", id)
		}
	}
}

// checkEvents reads from every place of the epoch.
func (m *model) checkEvents(t *rapid.T, log *subject, s replay.State, bounds replay.Bounds) {
	if m.epoch == "" {
		return
	}
	for offset := range s.Next + 2 {
		from := replay.Position{Epoch: m.epoch, Offset: offset}
		events, err := log.Read(nil, from, 3)
		lag := log.Lag(from)
		if offset < s.First {
			require.ErrorIs(t, err, replay.ErrGone)
			require.Empty(t, events)
			require.EqualValues(t, 1, lag.Share)
			continue
		}
		require.NoError(t, err)
		require.Len(t, events, min(3, max(0, len(m.blocks)-int(offset))))
		require.EqualValues(t, max(0, len(m.blocks)-int(offset)), lag.Events)
		for i, e := range events {
			require.Equal(t, replay.Position{Epoch: m.epoch, Offset: offset + uint64(i)}, e.Position)
			require.Equal(t, m.blocks[e.Offset], string(e.Block()))
			require.True(t, bounds.Age == 0 || e.Offset != s.First || held(s) == 1 || time.Since(e.At) <= bounds.Age)
		}
	}
}

func held(s replay.State) uint64 { return s.Next - s.First }

// unique reports whether the held events with an id follow directly on each other, and whether there are any.
func (m *model) unique(id string, first uint64) bool {
	runs, within := 0, false
	for _, other := range m.ids[first:] {
		if same := id != "" && other == id; same != within {
			if within = same; within {
				runs++
			}
		}
	}
	return runs == 1
}

// newest returns the offset of the newest event with an id. The id must be one that an event has.
func (m *model) newest(id string) uint64 {
	i := len(m.ids) - 1
	for m.ids[i] != id {
		i--
	}
	return uint64(i)
}
