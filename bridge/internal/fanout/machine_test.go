package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// TestAnyOrderOfThings does things in any order. It compares what each client is given with the specification in [clientModel]
// and with what its page knows: no event is missing, repeated or out of order unless the page was told.
func TestAnyOrderOfThings(t *testing.T) {
	seen := &coverage{pairs: map[[2]string]int{}, answers: map[string]int{}}
	for round := range 20 { // plans are random: what none of them did may take more of them
		if t.Failed() || round > 0 && seen.missing() == "" {
			break
		}
		for name, mode := range map[string]fanout.LateJoinMode{
			"none": fanout.None, "all": fanout.All, "latest": fanout.Latest, "since": fanout.Since, "latest by": fanout.LatestBy,
		} {
			t.Run(name, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					p := drawPlan(rt, mode)
					p.seen = seen
					var err error
					synctest.Test(t, func(t *testing.T) { err = p.run(t.Context()) }) // in which rapid must not fail
					if err != nil {
						rt.Fatal(err)
					}
				})
			})
		}
	}
	assert.Empty(t, seen.missing(), "what no plan did")
}

// coverage holds what has happened in the plans of a run.
type coverage struct {
	pairs   map[[2]string]int // of the kind of a page's id, and of how the upstream answers a cursor
	answers map[string]int    // that the upstream gave to a cursor
}

func (c *coverage) pair(cursor, answer string) { c.pairs[[2]string{cursor, answer}]++ }

// missing returns a kind of id that was not used with every kind of upstream, or "".
func (c *coverage) missing() string {
	for _, answer := range answers() {
		if c.answers[answer] == 0 {
			return "an upstream that " + answer
		}
		for _, kind := range cursorKinds() {
			if c.pairs[[2]string{kind.name, answer}] == 0 {
				return "the id " + kind.name + ", and an upstream that " + answer
			}
		}
	}
	return ""
}

// answers returns what an upstream may do with a cursor. An upstream that filters sends the messages behind the cursor, as one
// that takes the cursor does, but it accepts any cursor.
func answers() []string {
	return []string{"takes", "filters", "refuses", "ignores", "is silent", "ends"}
}

// plan is a registry's life.
type plan struct {
	settings fanout.Settings
	late     bool   // whether the log shows late what it takes
	history  int    // how many old messages an upstream stream without cursor begins with
	gaps     bool   // whether some messages have no id
	answer   string // what the upstream does with a cursor, at first
	steps    []step
	seen     *coverage
}

// step is something that happens. The meaning of a number depends on the name.
type step struct {
	do      func(m *machine, s step) error
	name    string
	who     int
	n, take int
	kind    int // of the id that a page comes with
	d       time.Duration
}

// GoString returns what rapid shows.
func (s step) GoString() string { return s.String() }

func (s step) String() string {
	return fmt.Sprintf("%s(%d, %d, %d, %d, %v)", s.name, s.who, s.n, s.take, s.kind, s.d)
}

func drawPlan(t *rapid.T, mode fanout.LateJoinMode) plan {
	events := rapid.IntRange(1, 8).Draw(t, "log")
	p := plan{
		settings: withDefaults(fanout.Settings{
			Bounds:      replay.Bounds{Events: events},
			LateJoin:    fanout.LateJoin{Mode: mode},
			Skip:        rapid.Bool().Draw(t, "skip"),
			HasID:       rapid.SampledFrom([]bool{true, true, false}).Draw(t, "ids"),
			Resumes:     rapid.SampledFrom([]bool{true, true, false}).Draw(t, "resumes"),
			Backoff:     backoff.Policy{Base: 50 * time.Millisecond, Max: 50 * time.Millisecond}, // no step is about as long
			ReopenAfter: time.Duration(rapid.SampledFrom([]int{0, 0, 60}).Draw(t, "max age")) * time.Second,
		}),
		late:    rapid.Bool().Draw(t, "late log"),
		history: rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "history"),
		gaps:    rapid.Bool().Draw(t, "gaps in ids"),
		answer:  rapid.SampledFrom(answers()).Draw(t, "answer to a cursor"),
	}
	some := rapid.SliceOfN(rapid.Custom(drawStep), 10, 20) // a slice of slices, as rapid's own are short
	p.steps = slices.Concat(rapid.SliceOfN(some, 5, 20).Draw(t, "steps")...)
	return p
}

func drawStep(t *rapid.T) step {
	kinds := []int{0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5, 5, 5, 6, 7, 8} // most pages are honest
	s := step{
		who:  rapid.IntRange(0, 2).Draw(t, "who"),
		n:    rapid.IntRange(0, 9).Draw(t, "n"),
		take: rapid.IntRange(0, 4).Draw(t, "take"),
		kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
	}
	steps := []struct {
		name   string
		weight int
		do     func(m *machine, s step) error
	}{
		{"join", 4, (*machine).join},
		{"leave", 2, (*machine).leave},
		{"read", 4, (*machine).read},
		{"drain", 3, (*machine).drain},
		{"overdue", 2, (*machine).overdue},
		{"publish", 6, (*machine).publish},
		{"accept", 4, (*machine).accept},
		{"break", 2, (*machine).breakUp},
		{"refuse", 1, (*machine).refuse},
		{"end", 1, (*machine).end},
		{"sleep", 3, (*machine).sleep},
		{"show", 3, (*machine).show},
		{"other", 1, (*machine).other},
		{"change", 4, (*machine).change},
		{"restart", 6, (*machine).restart},
	}
	var names []string
	for _, one := range steps {
		names = append(names, slices.Repeat([]string{one.name}, one.weight)...)
	}
	s.name = rapid.SampledFrom(names).Draw(t, "what")
	for _, one := range steps {
		if one.name == s.name {
			s.do = one.do
		}
	}
	if s.name == "sleep" {
		s.d = rapid.SampledFrom([]time.Duration{
			time.Millisecond, 19 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, time.Second,
			reading.StaleAfter - time.Millisecond, reading.StaleAfter, 9 * time.Second, 10 * time.Second, time.Minute,
		}).Draw(t, "how long")
	}
	return s
}

// machine is a registry, an upstream and three pages.
type machine struct {
	plan
	registry  *fanout.Registry
	published int
	ids       []ledger     // those that any page had
	stream    *streamModel // the newest
	refused   string       // the cursor that the upstream refused last
	pages     [3]ledger
	clients   [3]*clientModel // nil while a page is not connected
	idleSince time.Time       // of the stream, while it is
}

// run plays the plan and returns an error that says what is wrong.
func (p plan) run(ctx context.Context) error {
	m := &machine{plan: p, registry: fanout.NewRegistry(ctx, fanout.Limits{Streams: 1})}
	m.registry.AppendInto(func(log *replay.Ring) fanout.Appender {
		m.stream.log = newLateLog(log, p.settings.Bounds, p.late)
		return m.stream.log
	})
	defer m.close()
	for i, s := range p.steps {
		if err := errors.Join(s.do(m, s), m.look()); err != nil {
			return fmt.Errorf("step %d, %v: %w", i, s, err)
		}
	}
	return m.finish()
}

// close ends everything, in any state.
func (m *machine) close() {
	for _, c := range m.clients {
		if c != nil {
			c.Close()
		}
	}
	m.registry.Close(closed())
}

// finish has each client read everything and leave.
func (m *machine) finish() error {
	if m.stream != nil {
		m.stream.log.late = false
	}
	for who := range m.clients {
		s := step{who: who, n: 9}
		for _, do := range []func(step) error{m.show, m.drain, m.leave} {
			if err := errors.Join(do(s), m.look()); err != nil {
				return fmt.Errorf("at the end: %w", err)
			}
		}
	}
	if err := m.innocent(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	time.Sleep(m.settings.Linger)
	synctest.Wait()
	if n, bytes := m.registry.Streams(), m.registry.Bytes(); n != 0 || bytes != 0 {
		return fmt.Errorf("%d streams with %d bytes are left", n, bytes)
	}
	return nil
}

// innocent has a page come without an id. The page gets what the upstream sends, no matter which ids other pages came with.
func (m *machine) innocent() error {
	join := step{name: "join"}
	if err := errors.Join(m.join(join), m.look()); err != nil {
		return err
	}
	for range 3 { // the log's own cursor may be refused first
		if err := errors.Join(m.accept(join), m.look()); err != nil {
			return err
		}
		time.Sleep(time.Second)
		if err := m.look(); err != nil {
			return err
		}
	}
	st, c := m.stream, m.clients[0]
	if st.over != "" || st.current == nil || !st.current.accepted { // so the upstream answered the cursor of the log's own
		return errors.Join(m.drain(join), m.leave(join))
	}
	if err := errors.Join(m.show(step{n: 9999}), m.look(), m.drain(join), m.publish(step{n: 1}), m.show(step{n: 9999}), m.look(), m.drain(join)); err != nil {
		return err
	}
	if c.last.seq != m.published {
		return fmt.Errorf("expected an innocent page to get message %d, found %d", m.published, c.last.seq)
	}
	return errors.Join(m.leave(join), m.look())
}

// look waits until all goroutines are idle. Then it checks that every client was told of what is new, and that the numbers of
// streams and upstream streams are right.
func (m *machine) look() error {
	synctest.Wait()
	for _, c := range m.clients {
		if c == nil || !c.idle || c.rang.Load() {
			continue
		}
		pieces, end, err := c.peek(100)
		if err == nil && (len(pieces) > 0 || end != nil) {
			err = fmt.Errorf("found %q, %v, of which the client was not told", pieces, end)
		}
		if err != nil {
			return err
		}
	}
	return m.lookAtStreams()
}

func (m *machine) lookAtStreams() error {
	st := m.stream
	if st == nil {
		return nil
	}
	connected := m.connected()
	for {
		if at := st.current; at != nil && at.ctx.Err() != nil { // for its age, or because nobody is there
			st.current, st.aged = nil, true
		}
		next := st.upstream.next()
		if next == nil {
			break
		}
		switch {
		case st.current != nil:
			return errors.New("two upstream streams at once")
		case next.Reopening && !connected:
			return errors.New("an upstream stream without subscribers is opened again")
		}
		st.current = next
		if want := m.attempt(); next.Attempt != want {
			return fmt.Errorf("expected the attempt %v, found %v", want, next.Attempt)
		}
	}
	found := m.registry.Streams() == 1
	switch {
	case st.over != "" && found:
		return errors.New("a stream that is over is still there")
	case st.over == "" && connected && !found:
		return errors.New("a stream that pages are connected to is gone")
	case !connected && found && time.Since(m.idleSince) >= m.settings.Linger:
		return errors.New("a stream lingers too long")
	case !connected && !found && st.over == "":
		if lingers := time.Since(m.idleSince) < m.settings.Linger; lingers && !st.inGap && !st.aged && !st.evicted {
			return errors.New("a stream lingers too short a time")
		}
		st.over = "forgotten"
	}
	return nil
}

// connected reports whether any page is connected to the newest stream.
func (m *machine) connected() bool {
	return slices.ContainsFunc(m.clients[:], func(c *clientModel) bool { return c != nil && c.stream == m.stream })
}

// attempt returns how the upstream must be opened now: behind the newest event of the stream's own log, or without a cursor.
func (m *machine) attempt() reading.Attempt {
	st := m.stream
	want := reading.Attempt{Reopening: st.accepted}
	if st.accepted && m.settings.HasID && m.settings.Resumes && !st.dropped {
		want.Cursor = st.log.cursor
	}
	want.HasCursor = want.Cursor != ""
	return want
}
