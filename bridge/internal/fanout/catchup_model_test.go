package fanout_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// TestPagesCatchUp does things in any order to a registry whose pages catch up. A page that comes back with its newest id gets
// each later message once and in order, unless the page is told a reset. At the end every page has everything.
func TestPagesCatchUp(t *testing.T) {
	seen := &catchUpCoverage{}
	for round := range 20 { // plans are random: what none of them did may take more of them
		if t.Failed() || round > 0 && len(seen.missing()) == 0 {
			break
		}
		for _, begins := range beginnings() {
			t.Run(begins, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) { playCatchUps(t, rt, drawCatchUpPlan(rt, upstreamKind{begins: begins}), seen) })
			})
		}
	}
	assert.Empty(t, seen.missing(), "what no plan did")
	t.Log(seen)
}

// TestPagesCatchUpWithoutAReset does things in any order that give no reason for a reset. The pages are told none.
func TestPagesCatchUpWithoutAReset(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := upstreamKind{begins: rapid.SampledFrom(beginnings()).Draw(rt, "begins with"), calm: true}
		playCatchUps(t, rt, drawCatchUpPlan(rt, kind), &catchUpCoverage{})
	})
}

func playCatchUps(t *testing.T, rt *rapid.T, p catchUpPlan, seen *catchUpCoverage) {
	var err error
	synctest.Test(t, func(t *testing.T) { err = p.run(t.Context(), seen) }) // in which rapid must not fail
	if err != nil {
		rt.Fatal(err)
	}
}

// catchUpPlan is the life of an upstream and of the pages that are connected to it.
type catchUpPlan struct {
	settings fanout.Settings
	kind     upstreamKind
	seed     uint64 // of everything that is not drawn
	old      int    // how many groups the upstream has published before
	pages    int    // how many honest pages there are
	flow     time.Duration
	steps    []catchUpStep
	weaken   func(*fanout.Registry) // drops a rule, where it is not nil
}

func drawCatchUpPlan(t *rapid.T, kind upstreamKind) catchUpPlan {
	kind.madeUp = rapid.SampledFrom(madeUpAnswers()).Draw(t, "answer to a cursor that is made up")
	kind.grouped = rapid.Bool().Draw(t, "groups")
	kind.idless = rapid.SampledFrom([]bool{false, false, true}).Draw(t, "messages without an id")
	kind.inclusive = rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "inclusive")
	wait := rapid.SampledFrom([]time.Duration{50 * time.Millisecond, 50 * time.Millisecond, 40 * time.Second}).Draw(t, "backoff")
	p := catchUpPlan{
		settings: withDefaults(fanout.Settings{
			Bounds:   replay.Bounds{Events: rapid.SampledFrom([]int{4, 10, 100}).Draw(t, "log")},
			LateJoin: fanout.LateJoin{Mode: rapid.SampledFrom([]fanout.LateJoinMode{fanout.All, fanout.LatestBy}).Draw(t, "late join")},
			Skip:     rapid.Bool().Draw(t, "skip"),
			Linger:   time.Duration(rapid.SampledFrom([]int{-1, 2, 10}).Draw(t, "linger")) * time.Second,
			CatchUps: rapid.IntRange(1, 4).Draw(t, "catch-ups"),
			Backoff:  backoff.Policy{Base: wait, Max: max(wait, time.Second)},
			HasID:    true,
			Resumes:  true,
		}),
		kind:  kind,
		seed:  rapid.Uint64().Draw(t, "seed"),
		old:   rapid.IntRange(0, 12).Draw(t, "old messages"),
		pages: rapid.IntRange(1, 4).Draw(t, "pages"),
		flow:  rapid.SampledFrom(flows()).Draw(t, "flow"),
	}
	if kind.calm {
		p.settings.Bounds.Events, p.flow, p.settings.Linger = 1000, 100*time.Millisecond, 10*time.Second
		p.settings.CatchUps = max(2, p.settings.CatchUps)
	}
	names := drawStepNames(t, kind.calm)
	steps := rapid.Custom(func(t *rapid.T) catchUpStep { return drawCatchUpStep(t, names) })
	some := rapid.SliceOfN(steps, 5, 10) // a slice of slices, as rapid's own are short
	p.steps = slices.Concat(rapid.SliceOfN(some, 4, 12).Draw(t, "steps")...)
	return p
}

// drawStepNames returns the names of the steps that a plan has, each as often as its weight. A plan leaves out some of the steps
// that break things, so that it gets far with the others.
func drawStepNames(t *rapid.T, calm bool) (names []string) {
	for _, one := range catchUpSteps() {
		switch weight := one.weight; {
		case calm:
			names = append(names, slices.Repeat([]string{one.name}, one.calm)...)
		case one.calm > 0 || rapid.Bool().Draw(t, one.name):
			names = append(names, slices.Repeat([]string{one.name}, weight)...)
		}
	}
	return names
}

func drawCatchUpStep(t *rapid.T, names []string) catchUpStep {
	s := catchUpStep{
		name: rapid.SampledFrom(names).Draw(t, "what"),
		who:  rapid.IntRange(0, 7).Draw(t, "who"),
		n:    rapid.IntRange(0, 9).Draw(t, "n"),
		d: rapid.SampledFrom([]time.Duration{
			0, 10 * time.Millisecond, 100 * time.Millisecond, 310 * time.Millisecond, time.Second, 2 * time.Second, 6 * time.Second,
			11 * time.Second,
		}).Draw(t, "how long"),
	}
	for _, one := range catchUpSteps() {
		if one.name == s.name {
			s.do = one.do
		}
	}
	return s
}

// catchUpCoverage holds what has happened in the plans of a run.
type catchUpCoverage struct {
	mu       sync.Mutex
	outcomes map[fanout.Outcome]int
	most     int // how many catch-ups of a stream were read at once
}

func (c *catchUpCoverage) outcome(o fanout.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outcomes == nil {
		c.outcomes = map[fanout.Outcome]int{}
	}
	c.outcomes[o]++
}

// missing returns what no plan did.
func (c *catchUpCoverage) missing() (all []fanout.Outcome) {
	for _, o := range []fanout.Outcome{
		fanout.CaughtUp, fanout.CaughtUpQuiet, fanout.CursorInvalid, fanout.CatchUpExpired, fanout.CatchUpOver, fanout.TooMuchMissed,
		fanout.CatchUpLeft,
	} {
		if c.outcomes[o] == 0 {
			all = append(all, o)
		}
	}
	return all
}

func (c *catchUpCoverage) String() string {
	return fmt.Sprintf("%v, at most %d at once", c.outcomes, c.most)
}
