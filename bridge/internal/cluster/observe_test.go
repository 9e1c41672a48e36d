package cluster_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// counts is what the hooks of one node have told.
type counts struct {
	mu                  sync.Mutex
	roles               map[cluster.Role]int
	takeovers, gaps     int
	filled              int
	alone, oldest, aged time.Duration
}

func (c *counts) hooks() cluster.Hooks {
	c.roles = map[cluster.Role]int{}
	locked := func(do func()) {
		c.mu.Lock()
		defer c.mu.Unlock()
		do()
	}
	return cluster.Hooks{
		Role: func(from, to cluster.Role) {
			locked(func() {
				c.roles[from]--
				c.roles[to]++
			})
		},
		TookOver: func() { locked(func() { c.takeovers++ }) },
		Gap:      func() { locked(func() { c.gaps++ }) },
		Filled:   func(events int) { locked(func() { c.filled += events }) },
		Alone:    func(d time.Duration) { locked(func() { c.alone += d }) },
		Aged:     func(d time.Duration) { locked(func() { c.aged, c.oldest = c.aged+1, max(c.oldest, d) }) },
	}
}

func (c *counts) has(role cluster.Role) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roles[role]
}

func TestTheHooksOfANode(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		r.send(3)
		var c counts
		b := r.start(cluster.Options{Hooks: c.hooks()})
		b.enter()
		r.after(10 * time.Millisecond)
		assert.Equal(t, 1, c.has(cluster.Follower))
		assert.Equal(t, 3, c.filled, "what was there before it came")
		assert.Zero(t, c.gaps, "that is no gap")
		assert.Zero(t, c.aged)
		a.gate.Shut(true)
		r.send(2)
		r.after(30 * time.Millisecond)
		a.gate.Shut(false)
		r.after(time.Millisecond)
		assert.Equal(t, 30*time.Millisecond, c.oldest, "the owner did not come to it")
		r.hub.Delay(50 * time.Millisecond)
		r.send(1)
		r.after(60 * time.Millisecond)
		r.hub.Delay(0)
		assert.Equal(t, 50*time.Millisecond, c.oldest, "it was on its way")
		r.hub.Lose(1)
		r.send(2)
		r.hub.Lose(0)
		r.send(1)
		r.after(100 * time.Millisecond)
		assert.Equal(t, 1, c.gaps)
		assert.Equal(t, 3+3, c.filled)
		r.after(time.Second)
		assert.Zero(t, c.takeovers)
		a.kill()
		r.after(time.Second)
		assert.Equal(t, 1, c.takeovers)
		assert.Equal(t, 1, c.has(cluster.Owner))
		assert.Equal(t, 0, c.has(cluster.Follower))
		b.bus.Connect(false)
		r.after(5 * time.Second)
		assert.Equal(t, 1, c.has(cluster.Alone))
		b.bus.Connect(true)
		r.after(time.Second)
		assert.InDelta(t, 3*time.Second, c.alone, float64(100*time.Millisecond), "patience is 2 s")
		assert.Equal(t, 1, c.has(cluster.Owner))
		assert.Equal(t, 1, c.takeovers, "it owned the key before")
		b.seat.Leave()
		r.after(100 * time.Millisecond)
		for _, role := range []cluster.Role{cluster.Joining, cluster.Owner, cluster.Follower, cluster.Alone} {
			assert.Zero(t, c.has(role), role)
		}
	})
}

func TestTheListOfStreams(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b, c := r.join(), r.join()
		r.after(10 * time.Millisecond)
		term := a.Terms()[0]
		list := a.node.Streams()
		assert.Equal(t, []cluster.Stream{{
			Name: list[0].Name, Role: cluster.Owner, Owner: "r0", Term: term, Followers: []string{"r1", "r2"},
		}}, list)
		for _, p := range []*replica{b, c} {
			assert.Equal(t, []cluster.Stream{{Name: list[0].Name, Role: cluster.Follower, Owner: "r0", Term: term}}, p.node.Streams())
		}
		assert.NotContains(t, list[0].Name, "key")
		a.kill()
		assert.Empty(t, a.node.Streams(), "a node that is closed has none")
	})
}

// A process that stood still may have been deposed without hearing of it.
func TestAnOwnerThatStoodStillReadsItsEntry(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		a.pause(true)
		r.hub.Lose(1)
		r.after(3 * time.Second)
		assert.True(t, b.Leads())
		a.pause(false)
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{b}, r.leaders())
	})
}

func TestTwoLostAnswersMakeNoReplicaDead(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		for range 5 {
			r.hub.Lose(1)
			r.after(750 * time.Millisecond) // an answer is waited for 400 ms
			r.hub.Lose(0)
			r.after(time.Second)
		}
		assert.Equal(t, []*replica{a}, r.leaders())
		assert.Equal(t, []string{"follow"}, b.Calls())
	})
}
