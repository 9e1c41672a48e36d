package fanout_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// clusterPlan is a life of several replicas.
type clusterPlan struct {
	settings fanout.Settings
	replicas int
	steps    []clusterStep
	weaken   func(*fanout.Registry) // nil: the rules are as they are
}

// clusterStep is something that happens to a replica or a browser.
type clusterStep struct {
	kind string
	i, n int
}

// clusterKinds are the kinds of steps. A kind that stands here more often happens more often.
func clusterKinds() []string {
	all := []string{"drop", "leave", "kill", "break", "alone", "pause", "wake", "sleep"}
	for kind, often := range map[string]int{
		"send": 4, "flow": 8, "publish": 6, "deliver": 8, "deliver again": 2, "pull": 3, "elect": 2, "tell": 2, "join": 3,
		"read": 6, "wake": 2,
	} {
		all = append(all, slices.Repeat([]string{kind}, often)...)
	}
	slices.Sort(all)
	return all
}

func drawClusterPlan(t *rapid.T, s fanout.Settings) clusterPlan {
	s.Cluster = true
	s.Bounds = replay.Bounds{Events: rapid.SampledFrom([]int{4, 100}).Draw(t, "log")}
	s.Skip = rapid.Bool().Draw(t, "skip")
	s.LateJoin.Mode = rapid.SampledFrom([]fanout.LateJoinMode{fanout.None, fanout.All}).Draw(t, "late join")
	p := clusterPlan{settings: withDefaults(s), replicas: rapid.IntRange(2, 3).Draw(t, "replicas")}
	// Drawn one by one, the steps would be the same ones most of the time.
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	kinds := clusterKinds()
	for range rapid.IntRange(1, 8).Draw(t, "sixties of steps") * 60 {
		p.steps = append(p.steps, clusterStep{kinds[random.IntN(len(kinds))], random.IntN(12), random.IntN(6)})
	}
	return p
}

// clusterCoverage counts what has happened in the plans of a run.
type clusterCoverage struct{ elected, deposed, late, events, resets, ended int }

// TestReplicasInAnyOrderOfThings has replicas that are killed, paused and deposed, and pages that are lost, late or come twice.
// Each browser's messages follow each other unless the browser is told, none comes from a lower term than the one before it,
// and an id that the bridge made stands for one event in all replicas.
func TestReplicasInAnyOrderOfThings(t *testing.T) {
	kinds := ids()
	kinds["ids, a cursor and catching up"] = fanout.Settings{HasID: true, Resumes: true, CatchUps: 2}
	for name, s := range kinds {
		t.Run(name, func(t *testing.T) {
			seen := &clusterCoverage{}
			rapid.Check(t, func(rt *rapid.T) {
				p := drawClusterPlan(rt, s)
				var err error
				synctest.Test(t, func(t *testing.T) { err = p.run(t.Context(), seen) }) // in which rapid must not fail
				if err != nil {
					rt.Fatal(err)
				}
			})
			t.Logf("%+v", *seen)
			assert.Positive(t, seen.deposed)
			assert.Positive(t, seen.late)
			assert.Greater(t, seen.events, 3*seen.resets)
		})
	}
}

// These tests play the same plans with rules that look right, until one of the plans shows a fault.

// A paused owner's reader goes on. Once it has read where the log of the next owner ends, its position is the right one.
func TestAPositionFencesNobody(t *testing.T) {
	assert.NotEmpty(t, firstFaultInCluster(t, fanout.Settings{}, (*fanout.Registry).FenceByPosition))
}

func TestPagesOfLowerTermsDoHarm(t *testing.T) {
	assert.NotEmpty(t, firstFaultInCluster(t, fanout.Settings{HasID: true, Resumes: true}, (*fanout.Registry).TakeAnyTerm))
}

func firstFaultInCluster(t *testing.T, s fanout.Settings, weaken func(*fanout.Registry)) string {
	plans := rapid.Custom(func(t *rapid.T) clusterPlan { return drawClusterPlan(t, s) })
	for i := range 10_000 {
		p := plans.Example(i)
		p.weaken = weaken
		var err error
		synctest.Test(t, func(t *testing.T) { err = p.run(t.Context(), &clusterCoverage{}) })
		if err != nil {
			t.Logf("plan %d: %v", i, err)
			return err.Error()
		}
	}
	return ""
}

// run plays the plan.
func (p clusterPlan) run(ctx context.Context, seen *clusterCoverage) (err error) {
	m := &clusterMachine{plan: p, ctx: ctx, blocks: map[string]string{}, owned: map[string]uint64{}, runs: []uint64{math.MaxUint64}, seen: seen}
	for range p.replicas {
		m.replicas = append(m.replicas, m.newReplica())
	}
	defer func() {
		for i := range m.browsers {
			m.leave(&m.browsers[i])
		}
		for _, r := range m.replicas {
			r.registry.Close(closed())
			if n := r.registry.Bytes(); n != 0 && err == nil {
				err = fmt.Errorf("%d bytes are held at the end", n)
			}
		}
	}()
	for i := range m.browsers {
		m.browsers[i].last = anyMessage
		if err := m.join(&m.browsers[i], m.replicas[i%len(m.replicas)]); err != nil {
			return err
		}
	}
	m.elect(m.replicas[0])
	for i, s := range p.steps {
		if err := m.do(s); err != nil {
			return fmt.Errorf("step %d, %+v: %w", i, s, err)
		}
	}
	return m.settle()
}

// do does a step.
func (m *clusterMachine) do(s clusterStep) error {
	r, b := m.replicas[s.i%len(m.replicas)], &m.browsers[s.n%len(m.browsers)]
	defer synctest.Wait()
	switch s.kind {
	case "send":
		m.published += 1 + s.n
	case "flow":
		return m.flow(r)
	case "publish":
		m.publish(r)
	case "deliver":
		m.deliver(r, 0, false)
	case "deliver again":
		m.deliver(r, s.n, true)
	case "drop":
		if len(r.inbox) > 0 {
			r.inbox = r.inbox[1:]
		}
	case "pull":
		return m.pull(r)
	case "elect":
		m.elect(r)
	case "tell":
		m.tell(r)
	case "join":
		return m.join(b, r)
	case "read":
		for i := range m.browsers {
			if err := m.read(&m.browsers[i]); err != nil {
				return err
			}
		}
	case "leave":
		m.leave(b)
	case "pause":
		r.paused = true
	case "wake":
		r.paused = false
	case "kill":
		m.kill(s.i % len(m.replicas))
	case "break":
		m.breakUp(r)
	case "alone":
		m.goAlone(r)
	case "sleep":
		if m.plan.settings.CatchUps > 0 {
			return m.wait(time.Duration(s.n*s.n) * time.Second)
		}
		time.Sleep(time.Duration(s.n*s.n) * time.Second)
	}
	return nil
}
