package scenario

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/measure"
	"github.com/grpcsse/grpcsse/bench/internal/role"
)

// Runner runs contenders.
type Runner struct {
	// Grpcsse is the path of the bridge's program.
	Grpcsse string
}

// patience is how long is waited for what should happen soon.
const patience = 5 * time.Second

// All runs each contender once in each round, those of [Scenario.groups] at the same time, and one group after the other. A run that
// others disturb is tried again, with its group. It ends early when ctx does.
func (r *Runner) All(ctx context.Context, s Scenario) iter.Seq[Measurement] {
	return func(yield func(Measurement) bool) {
		for round := 1; round <= s.Rounds; round++ {
			for _, group := range s.groups() {
				for range attempts {
					disturbed := false
					for _, m := range r.Once(ctx, s, round, group...) {
						if ctx.Err() != nil || !yield(m) {
							return
						}
						disturbed = disturbed || m.Disturbed()
					}
					if !disturbed {
						break
					}
				}
			}
		}
	}
}

// attempts is how often a run is tried that others disturb.
const attempts = 3

// groups are the contenders that run at the same time. Where browsers come, that takes a moment, and the speed of a machine changes
// from moment to moment: so the browsers of all contenders come in turn.
func (s Scenario) groups() [][]Contender {
	if s.Kind == Opening {
		return [][]Contender{s.Contenders}
	}
	var alone [][]Contender
	for _, c := range s.Contenders {
		alone = append(alone, []Contender{c})
	}
	return alone
}

// Once runs a group of contenders once. What goes wrong is in the measurements, which are in the order of the contenders.
func (r *Runner) Once(ctx context.Context, s Scenario, round int, group ...Contender) []Measurement {
	all := make([]Measurement, len(group))
	for i, c := range group {
		all[i] = Measurement{Scenario: s.Name, Contender: c.Name, Round: round}
	}
	ctx, end := context.WithTimeoutCause(ctx, s.Longest(), fmt.Errorf("the run took longer than %s", s.Longest()))
	defer end()
	err := r.together(ctx, s, group, all)
	if err == nil {
		return all
	}
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	for i := range all {
		all[i].Problem = err.Error()
	}
	return all
}

// together runs a group. Only where browsers come do its contenders run at the same time.
func (r *Runner) together(ctx context.Context, s Scenario, group []Contender, all []Measurement) error {
	if s.Kind == Opening {
		return r.come(ctx, s, group, all)
	}
	for i, c := range group {
		if err := r.once(ctx, s, c, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) once(ctx context.Context, s Scenario, c Contender, m *Measurement) (err error) {
	g, err := r.set(ctx, s, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.strike()) }()
	if err := pause(ctx, calm); err != nil {
		return err
	}
	if m.Empty, err = g.memory(); err != nil {
		return err
	}
	if err := g.open(s.Browsers, false); err != nil {
		return err
	}
	if err := g.open(c.Stalled, true); err != nil {
		return err
	}
	if err := pause(ctx, s.Warmup); err != nil {
		return err
	}
	if s.Kind == Leaving {
		return g.leave(ctx, m)
	}
	return g.watch(ctx, m)
}

// watch measures for the length of the window.
func (g *stage) watch(ctx context.Context, m *Measurement) error {
	before, err := g.begin()
	if err != nil {
		return err
	}
	return g.measure(ctx, m, before)
}

// begin begins the window.
func (g *stage) begin() (usage, error) {
	u, err := g.usage()
	if err != nil {
		return u, err
	}
	return u, g.crowd.Ask(role.AskStart, nil, nil)
}

// measure ends the window after its length, and notes what was in it.
func (g *stage) measure(ctx context.Context, m *Measurement, before usage) error {
	if err := pause(ctx, g.scenario.Window); err != nil {
		return err
	}
	return g.note(ctx, m, before)
}

// note ends the window, and notes what was in it.
func (g *stage) note(ctx context.Context, m *Measurement, before usage) error {
	if err := g.crowd.Ask(role.AskTally, nil, &m.Tally); err != nil {
		return err
	}
	after, err := g.usage()
	if err != nil {
		return err
	}
	m.CPU, m.Seconds = m.CPU.plus(after.since(before)), after.at.Sub(before.at).Seconds()
	if m.Memory, err = g.memory(); err != nil {
		return err
	}
	if m.Sockets, err = measure.Sockets(g.candidate.PID); err != nil {
		return err
	}
	if m.Streams, err = g.streams(); err != nil {
		return err
	}
	if g.scenario.Collect > 0 && g.contender.Program() == Grpcsse {
		if err := g.collect(ctx, m); err != nil {
			return err
		}
	}
	return g.check(m)
}

// collect measures the bridge's memory after a collection.
func (g *stage) collect(ctx context.Context, m *Measurement) (err error) {
	if err := collect(ctx); err != nil {
		return err
	}
	if err := pause(ctx, g.scenario.Collect); err != nil {
		return err
	}
	m.Collected, err = g.memory()
	return err
}

// check returns an error where what was measured is not what was meant to be.
func (g *stage) check(m *Measurement) error {
	if all := g.scenario.Browsers; m.Tally.Met < all {
		return fmt.Errorf("%d of %d browsers have got no event", all-m.Tally.Met, all)
	}
	if g.shares() && m.Streams != 1 {
		return fmt.Errorf("the upstream has %d streams where one was expected, which is shared", m.Streams)
	}
	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
