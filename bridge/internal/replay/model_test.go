package replay_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// step is something that happens to a ring.
type step struct {
	kind string // append, form, sleep, trim, begin
	n    int    // bytes of data, offset from the newest, seconds, bytes
	form frame.Form
}

func drawStep(t *rapid.T) step {
	kind := rapid.SampledFrom([]string{"append", "append", "append", "append", "form", "form", "sleep", "trim", "begin"}).Draw(t, "kind")
	return step{
		kind: kind,
		n: map[string]*rapid.Generator[int]{
			"append": rapid.IntRange(0, 3000), "form": rapid.IntRange(0, 10), "sleep": rapid.IntRange(0, 90),
			"trim": rapid.IntRange(0, 20_000), "begin": rapid.Just(0),
		}[kind].Draw(t, "n"),
		form: rapid.SampledFrom(each()).Draw(t, "form"),
	}
}

// TestRingEvictsExactly holds a ring against a slice of all its events, from which what must go is found by looking at all of it.
// The steps are drawn outside the bubble in which time passes.
func TestRingEvictsExactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bounds := replay.Bounds{
			Events: rapid.SampledFrom([]int{0, 1, 2, 7}).Draw(rt, "events"),
			Bytes:  rapid.SampledFrom([]int64{0, 1, 3000, 10_000}).Draw(rt, "bytes"),
			Age:    rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(rt, "age"),
		}
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 60).Draw(rt, "steps")
		var problem error
		synctest.Test(t, func(t *testing.T) { problem = play(t, bounds, steps) })
		if problem != nil {
			rt.Fatal(problem)
		}
	})
}

// naive is a ring's events, and how few of them are left.
type naive struct {
	bounds replay.Bounds
	events []*replay.Event
	first  int
}

// size is what is held from an event on.
func (m *naive) size(first int) (n int64) {
	for _, e := range m.events[first:] {
		n += int64(e.Frame.Size() + 256 + len(e.ID) + len(e.Key))
	}
	return n
}

func (m *naive) evict(bytes int64) {
	for ; m.first < len(m.events)-1; m.first++ {
		tooMany := m.bounds.Events > 0 && len(m.events)-m.first > m.bounds.Events
		tooOld := m.bounds.Age > 0 && time.Since(m.events[m.first].At) > m.bounds.Age
		if !tooMany && !tooOld && m.size(m.first) <= bytes {
			return
		}
	}
}

func (m *naive) limit() int64 {
	if m.bounds.Bytes > 0 {
		return m.bounds.Bytes
	}
	return 1 << 60
}

func play(t *testing.T, bounds replay.Bounds, steps []step) error {
	r := replay.NewRing(bounds)
	defer r.Close()
	epoch := 0
	begin := func() error {
		epoch++
		return r.Begin(t.Context(), fmt.Sprintf("e%d", epoch))
	}
	if err := begin(); err != nil {
		return err
	}
	m := naive{bounds: bounds}
	for i, s := range steps {
		switch s.kind {
		case "append":
			e, err := replay.NewEvent(r.State().End(), []byte("data: "+strings.Repeat("x", s.n)+"\n\n"), 0)
			if err != nil {
				return err
			}
			e.ID = fmt.Sprint(s.n % 5)
			m.events = append(m.events, e)
			if err := r.Append(t.Context(), e); err != nil {
				return err
			}
		case "form":
			if at := len(m.events) - 1 - s.n; at >= 0 { // one that has been evicted, too
				m.events[at].Frame.Bytes(s.form)
			}
		case "sleep":
			time.Sleep(time.Duration(s.n) * time.Second)
		case "trim":
			m.evict(m.limit()) // as the bounds have it, when the trim comes
			r.State()
			r.Trim(int64(s.n))
			m.evict(min(int64(s.n), m.limit()))
		case "begin":
			m.events, m.first = nil, 0
			if err := begin(); err != nil {
				return err
			}
		}
		m.evict(m.limit())
		want := replay.State{Epoch: fmt.Sprintf("e%d", epoch), First: uint64(m.first), Next: uint64(len(m.events)), Bytes: m.size(m.first)}
		if got := r.State(); got != want {
			return fmt.Errorf("step %d, %s %d: expected %+v, found %+v", i, s.kind, s.n, want, got)
		}
	}
	return nil
}
