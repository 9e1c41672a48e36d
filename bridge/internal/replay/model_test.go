package replay_test

import (
	"bytes"
	"errors"
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
	kind string // append, burst, form, read, sleep, trim, begin
	n    int    // bytes of data, events, offset from the newest, offset from the newest, seconds, bytes
	form frame.Form
}

func drawStep(t *rapid.T) step {
	kind := rapid.SampledFrom([]string{
		"append", "append", "append", "append", "burst", "burst", "form", "form", "read", "sleep", "sleep", "trim", "begin",
	}).Draw(t, "kind")
	return step{
		kind: kind,
		n: map[string]*rapid.Generator[int]{
			"append": rapid.IntRange(0, 3000), "burst": rapid.IntRange(1, 50), "form": rapid.IntRange(0, 40), "read": rapid.IntRange(0, 90),
			"sleep": rapid.IntRange(0, 90), "trim": rapid.IntRange(0, 20_000), "begin": rapid.Just(0),
		}[kind].Draw(t, "n"),
		form: rapid.SampledFrom(each()).Draw(t, "form"),
	}
}

// TestRingEvictsExactly holds a ring against a slice of all its events, from which what must go is found by looking at all of it.
// The steps are drawn outside the bubble in which time passes.
func TestRingEvictsExactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bounds := replay.Bounds{
			Events: rapid.SampledFrom([]int{0, 1, 2, 7, 40, 90}).Draw(rt, "events"),
			Bytes:  rapid.SampledFrom([]int64{0, 1, 3000, 10_000, 30_000}).Draw(rt, "bytes"),
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
	plain  []bool // by event: the log has its plain form only
	first  int
	cold   int // how many segments of sixteen events were cooled, or are gone
}

// size is what is held from an event on.
func (m *naive) size(first int) (n int64) {
	for i, e := range m.events[first:] {
		size := e.Frame.Size()
		if m.plain[first+i] {
			size = frame.PlainSize(len(e.Block()))
		}
		n += int64(size + 256 + len(e.ID) + len(e.Key))
	}
	return n
}

// append has the next event come. Where another segment begins with it, the oldest two that were not cooled are, where they are a second
// older than the newest event and another one follows them.
func (m *naive) append() {
	m.cold = max(m.cold, m.first/16)
	n := len(m.events)
	for range 2 {
		behind := 16 * (m.cold + 1)
		if n%16 != 0 || n <= behind || m.events[n-1].At.Sub(m.events[behind-1].At) < time.Second {
			return
		}
		for i := 16 * m.cold; i < behind; i++ {
			m.plain[i] = true
		}
		m.cold++
	}
}

// read reads events from one on, so that the log has more than their plain form.
func (m *naive) read(r *replay.Ring, from int) error {
	const atOnce = 20
	if from < m.first || from >= len(m.events) {
		return nil
	}
	got, err := r.Read(nil, replay.Position{Epoch: r.State().Epoch, Offset: uint64(from)}, atOnce)
	if err != nil || len(got) != min(atOnce, len(m.events)-from) {
		return fmt.Errorf("expected up to %d of %d events from %d on, found %d, %w", atOnce, len(m.events), from, len(got), err)
	}
	for i, e := range got {
		i += from
		if old := m.events[i]; !bytes.Equal(e.Block(), old.Block()) || e.ID != old.ID || !m.plain[i] && e != old {
			return fmt.Errorf("expected event %d again, found another one", i)
		}
		m.events[i], m.plain[i] = e, false
	}
	return nil
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
	put := func(n int) error {
		e, err := replay.NewEvent(r.State().End(), []byte("data: "+strings.Repeat("x", n)+"\n\n"), 0)
		if err != nil {
			return err
		}
		e.ID, e.At = fmt.Sprint(n%5), time.Now()
		if err := r.Append(t.Context(), e.Draft()); err != nil {
			return err
		}
		m.append()
		m.events, m.plain = append(m.events, e), append(m.plain, true)
		m.evict(m.limit())
		return m.read(r, len(m.events)-1)
	}
	for i, s := range steps {
		var err error
		switch s.kind {
		case "append":
			err = put(s.n)
		case "burst":
			for n := range s.n {
				err = errors.Join(err, put(n))
			}
		case "form":
			if at := len(m.events) - 1 - s.n; at >= 0 { // one that has been evicted, too
				m.events[at].Frame.Bytes(s.form)
			}
		case "read":
			err = m.read(r, len(m.events)-1-s.n)
		case "sleep":
			time.Sleep(time.Duration(s.n) * time.Second)
		case "trim":
			m.evict(m.limit()) // as the bounds have it, when the trim comes
			r.State()
			r.Trim(int64(s.n))
			m.evict(min(int64(s.n), m.limit()))
		case "begin":
			m = naive{bounds: bounds}
			err = begin()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s %d: %w", i, s.kind, s.n, err)
		}
		m.evict(m.limit())
		want := replay.State{Epoch: fmt.Sprintf("e%d", epoch), First: uint64(m.first), Next: uint64(len(m.events)), Bytes: m.size(m.first)}
		if got := r.State(); got != want {
			return fmt.Errorf("step %d, %s %d: expected %+v, found %+v", i, s.kind, s.n, want, got)
		}
	}
	return nil
}
