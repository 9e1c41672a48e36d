package scenario

import (
	"context"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/role"
)

// portions is in how many portions the browsers of a contender come, in turn with those of the others. A smaller portion would be over
// before a candidate is in its stride.
const portions = 3

// settled is how long a candidate has for the last ones of a portion.
const settled = 25 * time.Millisecond

// come measures what it costs each contender that browsers come. The first quarter comes before, so that the candidates are in their
// stride. What a candidate does until the end of the window counts too.
func (r *Runner) come(ctx context.Context, s Scenario, group []Contender, all []Measurement) (err error) {
	var stages []*stage
	defer func() {
		for _, g := range stages {
			err = errors.Join(err, g.strike())
		}
	}()
	for _, c := range group {
		g, err := r.set(ctx, s, c)
		if err != nil {
			return err
		}
		stages = append(stages, g)
	}
	if err := pause(ctx, calm); err != nil {
		return err
	}
	for i, g := range stages {
		if all[i].Empty, err = g.memory(); err != nil {
			return err
		}
	}
	first := s.Browsers / 4
	for _, g := range stages {
		if err := g.open(first, false); err != nil {
			return err
		}
	}
	if err := pause(ctx, s.Warmup); err != nil {
		return err
	}
	for _, g := range stages {
		if err := g.crowd.Ask(role.AskStart, nil, nil); err != nil {
			return err
		}
	}
	if err := comeInTurn(ctx, stages, s.Browsers-first, all); err != nil {
		return err
	}
	return stay(ctx, stages, s.Window, all)
}

// comeInTurn opens so many browsers on each stage, in portions, and adds what that costs to the measurements. Another stage begins in
// each turn.
func comeInTurn(ctx context.Context, stages []*stage, browsers int, all []Measurement) error {
	for n := range portions {
		portion := browsers*(n+1)/portions - browsers*n/portions
		for k := range stages {
			i := (n + k) % len(stages)
			before, err := stages[i].usage()
			if err != nil {
				return err
			}
			if err := stages[i].open(portion, false); err != nil {
				return err
			}
			if err := pause(ctx, settled); err != nil {
				return err
			}
			after, err := stages[i].usage()
			if err != nil {
				return err
			}
			all[i].CPU = all[i].CPU.plus(after.since(before))
		}
	}
	return nil
}

// stay waits for the length of the window, and notes what was in it.
func stay(ctx context.Context, stages []*stage, window time.Duration, all []Measurement) error {
	before := make([]usage, len(stages))
	for i, g := range stages {
		var err error
		if before[i], err = g.usage(); err != nil {
			return err
		}
	}
	if err := pause(ctx, window); err != nil {
		return err
	}
	for i, g := range stages {
		if err := g.note(ctx, &all[i], before[i]); err != nil {
			return err
		}
	}
	return nil
}
