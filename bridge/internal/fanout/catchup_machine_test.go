package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// catchUpMachine is a history, a registry that is restarted now and then, and pages.
type catchUpMachine struct {
	catchUpPlan
	ctx      context.Context
	h        *history
	seen     *catchUpCoverage
	bell     chan struct{}
	arrivals chan arrival
	open     atomic.Int32 // how many upstream streams are open

	registry   *fanout.Registry
	stream     *sharedStream // the newest
	streams    []*sharedStream
	deliveries []*delivery
	pages      []*visitor // the honest ones first
	visitors   uint64     // how many pages there were
	joins      int        // how often a page has come
	began      *catchUpCount

	flow     time.Duration // between messages; 0 is no flow
	flowAt   time.Time
	downTill time.Time // until then the upstream cannot be opened
}

// catchUpCount counts the calls of a registry's hooks.
type catchUpCount struct {
	mu           sync.Mutex
	began, ended int
	seen         *catchUpCoverage
}

func (c *catchUpCount) hooks() fanout.Hooks {
	return fanout.Hooks{
		CatchUpBegan: func(string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.began++
		},
		CatchUpEnded: func(_ string, o fanout.Outcome, _ time.Duration) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.ended++
			c.seen.outcome(o)
		},
	}
}

// running returns how many catch-ups have begun and not ended.
func (c *catchUpCount) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began - c.ended
}

// run plays the plan and returns an error that says what is wrong.
func (p catchUpPlan) run(ctx context.Context, seen *catchUpCoverage) (err error) {
	m := &catchUpMachine{
		catchUpPlan: p, ctx: ctx, h: newHistory(&p.kind, p.seed), seen: seen,
		bell: make(chan struct{}, 1), arrivals: make(chan arrival, 1000),
	}
	for range p.old {
		m.h.publish()
	}
	m.begin()
	m.setFlow(p.flow)
	for range p.pages {
		m.pages = append(m.pages, m.page(true))
	}
	defer func() { err = errors.Join(err, m.close(false)) }()
	for i, s := range p.steps {
		if err := s.do(m, s); err != nil {
			return fmt.Errorf("step %d, %v: %w", i, s, err)
		}
	}
	if err := m.finish(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	return nil
}

// begin makes a new registry.
func (m *catchUpMachine) begin() {
	m.registry = fanout.NewRegistry(m.ctx, fanout.Limits{})
	m.began = &catchUpCount{seen: m.seen}
	m.registry.Hooks = m.began.hooks()
	if m.weaken != nil {
		m.weaken(m.registry)
	}
	m.stream, m.streams = nil, nil
}

// close closes the registry. drained says that pages read what there is until the end. Nothing of the registry may be left.
func (m *catchUpMachine) close(drained bool) error {
	atRest := map[*visitor]int{}
	for _, v := range m.pages {
		if v.sub != nil && v.readAt.IsZero() && !v.rang.Load() {
			atRest[v] = v.resets
		}
	}
	m.registry.Close(closed())
	synctest.Wait()
	for _, v := range m.pages {
		for i := 0; drained && v.sub != nil && v.rang.Load() && i < 1000; i++ {
			if err := v.read(); err != nil {
				return fmt.Errorf("while the registry is closed: %w", err)
			}
			v.rang.Store(true)
		}
		if resets, ok := atRest[v]; ok && v.resets > resets {
			return errors.New("a page is told a reset because the registry is closed")
		}
		v.leave(m.awayFor(v))
	}
	synctest.Wait()
	if n, bytes, open := m.registry.Streams(), m.registry.Bytes(), m.open.Load(); n != 0 || bytes != 0 || open != 0 {
		return fmt.Errorf("after Close %d streams with %d bytes and %d upstream streams are left", n, bytes, open)
	}
	if n := m.began.running(); n != 0 {
		return fmt.Errorf("after Close %d catch-ups have begun and not ended", n)
	}
	return m.look()
}

// pass lets time pass. Meanwhile the upstream streams bring what they owe, and pages come and read.
func (m *catchUpMachine) pass(d time.Duration) error {
	until := time.Now().Add(d)
	for {
		if err := m.look(); err != nil {
			return err
		}
		at, do := m.next(until)
		if wait := time.Until(at); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-m.bell:
			}
			timer.Stop()
			continue
		}
		if do == nil {
			return nil
		}
		if err := do(); err != nil {
			return err
		}
	}
}

// next returns the first thing to do, and when. There is none where the time is until.
func (m *catchUpMachine) next(until time.Time) (at time.Time, do func() error) {
	at = until
	earlier := func(t time.Time, what func() error) {
		if !t.IsZero() && (t.Before(at) || do == nil && t.Equal(at)) {
			at, do = t, what
		}
	}
	earlier(m.flowAt, func() error {
		m.setFlow(m.flow)
		m.publish()
		return nil
	})
	for _, d := range m.deliveries {
		if len(d.due) > 0 {
			earlier(d.due[0].at, d.deliver)
		}
	}
	for _, v := range m.pages {
		if v.sub == nil {
			earlier(v.joinAt, func() error { return m.join(v) })
		} else {
			earlier(v.readAt, v.read)
		}
	}
	return at, do
}

func (m *catchUpMachine) setFlow(every time.Duration) {
	if m.flow, m.flowAt = every, (time.Time{}); every > 0 {
		m.flowAt = time.Now().Add(every)
	}
}

// publish has the upstream publish a group.
func (m *catchUpMachine) publish() {
	items := m.h.items(m.h.publish())
	for _, d := range m.deliveries {
		d.published(items)
	}
}

// look waits until all goroutines are idle. Then it takes note of new upstream streams and of pages that were told, and checks
// that the numbers of upstream streams are right.
func (m *catchUpMachine) look() error {
	synctest.Wait()
	var all []arrival
	for len(m.arrivals) > 0 {
		all = append(all, <-m.arrivals)
	}
	for _, catchingUp := range []bool{false, true} {
		for _, a := range all {
			if a.CatchingUp == catchingUp {
				if err := m.arrived(a); err != nil {
					return err
				}
			}
		}
	}
	live := m.deliveries[:0]
	for _, d := range m.deliveries {
		if !d.over && d.ctx.Err() == nil {
			live = append(live, d)
		}
	}
	clear(m.deliveries[len(live):])
	m.deliveries = live
	for _, v := range m.pages {
		v.heed()
	}
	return m.count()
}

// count checks the numbers of upstream streams.
func (m *catchUpMachine) count() error {
	for _, st := range m.streams {
		n := 0
		for _, s := range st.catchUps {
			n += int(s.open.Load())
		}
		if n > m.settings.CatchUps || st.source.open.Load() > 1 {
			return fmt.Errorf("a stream has %d upstream streams, and its catch-ups have %d", st.source.open.Load(), n)
		}
		m.seen.most = max(m.seen.most, n)
	}
	if n := m.began.running(); n < 0 {
		return errors.New("more catch-ups have ended than begun")
	}
	return nil
}

// arrived begins what an upstream stream brings.
func (m *catchUpMachine) arrived(a arrival) error {
	s := a.source
	if !a.CatchingUp && s.of == nil {
		m.stream = &sharedStream{source: s}
		m.streams = append(m.streams, m.stream)
		s.of = m.stream
	}
	if a.CatchingUp && s.of == nil {
		m.adopt(s)
	}
	if !a.CatchingUp {
		s.of.current = a.attempt
	}
	if err := s.opened(a.Attempt); err != nil {
		return err
	}
	d := newDelivery(a, m.h, m.seed, time.Now().Before(m.downTill))
	m.deliveries = append(m.deliveries, d)
	return nil
}

// adopt notes that a source belongs to a catch-up of the newest stream.
func (m *catchUpMachine) adopt(s *source) {
	s.of = m.stream
	s.of.catchUps = append(s.of.catchUps, s)
}

// join connects a page.
func (m *catchUpMachine) join(v *visitor) error {
	m.joins++
	var made []*source
	s, err := m.registry.Join("key", fanout.Newcomer{LastEventID: v.id}, func() (fanout.Settings, reading.Upstream) {
		one := &source{arrivals: m.arrivals, bell: m.bell, all: &m.open}
		made = append(made, one)
		return m.settings, one
	})
	if err != nil {
		return err
	}
	if err := m.look(); err != nil {
		return err
	}
	for _, one := range made {
		if one.of == nil {
			m.adopt(one)
		}
	}
	v.come(s, m.stream, m.settings.LateJoin.Mode, m.settings.Bounds.Events)
	v.promised = m.kind.calm && v.id != ""
	return nil
}
