package fanout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// catchUpStep is something that happens. The meaning of a number depends on the name.
type catchUpStep struct {
	do   func(m *catchUpMachine, s catchUpStep) error
	name string
	who  int
	n    int
	d    time.Duration
}

// GoString returns what rapid shows.
func (s catchUpStep) GoString() string { return s.String() }

func (s catchUpStep) String() string { return fmt.Sprintf("%s(%d, %d, %v)", s.name, s.who, s.n, s.d) }

// weightedStep is a kind of step, and how often it happens in a plan with everything, and in a calm one.
type weightedStep struct {
	name         string
	weight, calm int
	do           func(m *catchUpMachine, s catchUpStep) error
}

func catchUpSteps() []weightedStep {
	return []weightedStep{
		{"pass", 8, 8, (*catchUpMachine).passStep},
		{"publish", 5, 2, (*catchUpMachine).publishStep},
		{"leave", 6, 6, (*catchUpMachine).leaveStep},
		{"pace", 3, 0, (*catchUpMachine).paceStep},
		{"break", 3, 0, (*catchUpMachine).breakStep},
		{"end", 1, 0, (*catchUpMachine).endStep},
		{"finite", 1, 0, (*catchUpMachine).finiteStep},
		{"down", 1, 0, (*catchUpMachine).downStep},
		{"forget", 1, 0, (*catchUpMachine).forgetStep},
		{"hostile", 4, 0, (*catchUpMachine).hostileStep},
		{"flow", 2, 0, (*catchUpMachine).flowStep},
		{"restart", 3, 3, (*catchUpMachine).restartStep},
		{"twice", 4, 0, (*catchUpMachine).twiceStep},
	}
}

func (m *catchUpMachine) passStep(s catchUpStep) error { return m.pass(s.d) }

func (m *catchUpMachine) publishStep(s catchUpStep) error {
	for range 1 + s.n {
		m.publish()
	}
	return m.look()
}

// leaveStep disconnects a page, which comes back with its newest id.
func (m *catchUpMachine) leaveStep(s catchUpStep) error {
	m.visitor(s).leave(m.away(s.d))
	return m.look()
}

// away returns how long a page is away. In a calm plan a page does not stay away for long.
func (m *catchUpMachine) away(d time.Duration) time.Duration {
	if m.kind.calm {
		return min(d, 2*time.Second)
	}
	return d
}

// awayFor returns how long a page is away whose registry was closed.
func (m *catchUpMachine) awayFor(v *visitor) time.Duration {
	return time.Duration(v.rng.Int64N(int64(2 * time.Second)))
}

func (m *catchUpMachine) visitor(s catchUpStep) *visitor { return m.pages[s.who%len(m.pages)] }

// page returns a page that reads everything at once.
func (m *catchUpMachine) page(honest bool) *visitor {
	m.visitors++
	return &visitor{
		honest: honest, h: m.h, rng: rand.New(rand.NewPCG(m.seed, 100+m.visitors)), bell: m.bell,
		limit: testLimit, take: testLimit, joinAt: time.Now(),
	}
}

// paceStep sets how fast a page reads.
func (m *catchUpMachine) paceStep(s catchUpStep) error {
	v := m.visitor(s)
	v.limit, v.take, v.pause = testLimit, testLimit, 0
	if s.n%3 > 0 {
		v.limit, v.take, v.pause = 40*s.n, s.n, min(s.d, 3*time.Second)
	}
	return nil
}

// delivery returns an upstream stream that is read now, or nil.
func (m *catchUpMachine) delivery(s catchUpStep) *delivery {
	if len(m.deliveries) == 0 {
		return nil
	}
	return m.deliveries[s.who%len(m.deliveries)]
}

// ofTheLog returns the upstream stream of the newest shared stream, or nil while there is none.
func (m *catchUpMachine) ofTheLog() *delivery {
	for _, d := range m.deliveries {
		if m.stream != nil && d.source == m.stream.source {
			return d
		}
	}
	return nil
}

// breakStep breaks an upstream stream: that of the newest shared stream, or any.
func (m *catchUpMachine) breakStep(s catchUpStep) error {
	d := m.ofTheLog()
	if s.n%2 == 0 || d == nil {
		d = m.delivery(s)
	}
	if d == nil {
		return nil
	}
	return m.endNow(d, reading.Broken, "broken")
}

func (m *catchUpMachine) endNow(d *delivery, fate reading.Fate, reason string) error {
	r := result(fate, ending.Reason(reason))
	d.due = append([]due{{at: time.Now(), end: &r}}, d.due...)
	d.isSilent = true
	return errors.Join(d.deliver(), m.look())
}

// endStep has the upstream end a stream for good.
func (m *catchUpMachine) endStep(s catchUpStep) error {
	if d := m.delivery(s); d != nil {
		return m.endNow(d, reading.Over, "ended")
	}
	return nil
}

// finiteStep has the upstream end all its streams for good, each when it has brought what it owes.
func (m *catchUpMachine) finiteStep(catchUpStep) error {
	for _, d := range m.deliveries {
		if !d.isSilent {
			d.end(reading.Over, "finite")
		}
	}
	return nil
}

// downStep breaks all upstream streams. The upstream cannot be opened for some time.
func (m *catchUpMachine) downStep(s catchUpStep) error {
	m.downTill = time.Now().Add(s.d)
	for len(m.deliveries) > 0 {
		if err := m.endNow(m.deliveries[0], reading.Broken, "down"); err != nil {
			return err
		}
	}
	return nil
}

// forgetStep has the upstream forget ids: it refuses them as cursors from now on.
func (m *catchUpMachine) forgetStep(s catchUpStep) error {
	m.h.forgotten = max(0, len(m.h.groups)-s.n)
	if d := m.ofTheLog(); d != nil && s.who%2 == 0 { // a new epoch begins, if the log's newest id is forgotten
		return m.endNow(d, reading.Broken, "broken")
	}
	return nil
}

// hostileStep has a page come with an id that it did not get. There are few such pages at once: the oldest one goes.
func (m *catchUpMachine) hostileStep(s catchUpStep) error {
	if len(m.pages) >= m.catchUpPlan.pages+4 {
		m.pages[m.catchUpPlan.pages].leave(0)
		m.pages = slices.Delete(m.pages, m.catchUpPlan.pages, m.catchUpPlan.pages+1)
	}
	v := m.page(false)
	switch s.n % 4 {
	case 0:
		v.id = "made-up-" + strconv.Itoa(s.who)
	case 1:
		v.id = strconv.Itoa(len(m.h.groups) + 1 + s.who/2%3) // of what comes later
	default:
		v.id = strconv.Itoa(1 + (s.n*7+s.who)*13%max(1, len(m.h.groups))) // of what another page had
	}
	m.pages = append(m.pages, v)
	return m.pass(0)
}

func (m *catchUpMachine) flowStep(s catchUpStep) error {
	m.setFlow(flows()[s.n%len(flows())])
	return nil
}

func flows() []time.Duration {
	return []time.Duration{0, 200 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second}
}

// restartStep closes the registry and makes a new one, to which all pages come back.
func (m *catchUpMachine) restartStep(s catchUpStep) error {
	if err := m.close(s.n%2 == 0); err != nil {
		return err
	}
	m.begin()
	return nil
}

// twiceStep has a page come back to a new registry, catch up there, and come back once more with an id that the log need not
// have yet. In between the log's upstream breaks, or a hostile page guesses the next id. Few plans would do that by chance.
func (m *catchUpMachine) twiceStep(s catchUpStep) error {
	publish := func(catchUpStep) error { return m.publishStep(catchUpStep{}) }
	pass := func(d time.Duration) func(catchUpStep) error { return func(catchUpStep) error { return m.pass(d) } }
	breakUp := func(catchUpStep) error { return m.breakStep(catchUpStep{n: 1}) }
	guess := func(catchUpStep) error { return m.hostileStep(catchUpStep{n: 1}) }
	steps := []func(catchUpStep) error{
		m.restartStep, publish, pass(2 * time.Second), publish, pass(s.d / 10), breakUp, publish, pass(3 * time.Second), m.leaveStep,
	}
	if s.n%2 == 0 {
		steps = []func(catchUpStep) error{
			m.restartStep, pass(2 * time.Second), guess, pass(s.d / 10), publish, pass(time.Second), m.leaveStep,
		}
	}
	for _, do := range steps {
		if err := do(catchUpStep{who: s.who}); err != nil {
			return err
		}
	}
	return nil
}

// finish lets everything come to rest. Then each honest page must have everything.
func (m *catchUpMachine) finish() error {
	if m.kind.calm { // without messages a catch-up may not meet the log
		if err := m.pass(10 * time.Second); err != nil {
			return err
		}
	}
	m.setFlow(0)
	m.downTill = time.Time{}
	for _, v := range m.pages {
		v.limit, v.take, v.pause = testLimit, testLimit, 0
	}
	for range 10 {
		before := m.joins
		if err := m.pass(restTime); err != nil {
			return err
		}
		if m.joins == before {
			break
		}
	}
	if err := m.complete(); err != nil {
		return err
	}
	for _, key := range m.h.allKeys() {
		items := m.h.items(m.h.add([]byte{key}))
		for _, d := range m.deliveries {
			d.published(items)
		}
		if err := m.pass(time.Second); err != nil {
			return err
		}
	}
	if err := m.pass(restTime); err != nil {
		return err
	}
	return m.complete()
}

// restTime is how long it takes until everything has come to rest.
const restTime = 2 * time.Minute

// complete checks that each honest page has everything, and that one upstream stream is left.
func (m *catchUpMachine) complete() error {
	for i, v := range m.pages {
		if !v.honest {
			continue
		}
		if v.sub == nil {
			return fmt.Errorf("page %d is away", i)
		}
		if err := v.knows.complete(v.of); err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
	}
	if n := m.open.Load(); n != 1 || m.stream.source.open.Load() != 1 {
		return fmt.Errorf("%d upstream streams are left", n)
	}
	return nil
}
