package cluster_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/membus"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// rig is a cluster in a bubble, with one key.
type rig struct {
	t        *testing.T
	hub      *membus.Hub
	up       *clustertest.Upstream
	replicas []*replica

	closers   []func()
	payload   int  // of the buses; 0 is 1 MiB
	positions bool // the members that are started have ids which are positions
}

// replica is a process of the rig.
type replica struct {
	*clustertest.Member
	node *cluster.Node
	bus  *membus.Bus
	gate *cluster.Gate
	seat fanout.Seat
	dead bool
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, hub: membus.NewHub(1), up: clustertest.NewUpstream()}
	t.Cleanup(r.close)
	return r
}

// bubble runs a test of a rig in a bubble.
func bubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		test(r)
	})
}

// join starts a replica that has subscribers of the key.
func (r *rig) join() *replica {
	p := r.start(cluster.Options{})
	p.enter()
	return p
}

func (r *rig) start(o cluster.Options) *replica {
	p := &replica{bus: r.hub.Join(cmp.Or(r.payload, 1<<20)), gate: &cluster.Gate{}}
	o.Replica = fmt.Sprintf("r%d", len(r.replicas))
	p.Member = clustertest.NewMember(o.Replica, r.up)
	p.Positions = r.positions
	codec, err := wire.NewCodec(wire.Settings{Name: "test", Secret: make([]byte, wire.MinSecret), Seal: true})
	require.NoError(r.t, err)
	node, err := cluster.New(p.bus, codec, p.gate.With(o))
	require.NoError(r.t, err)
	p.node = node
	r.replicas = append(r.replicas, p)
	return p
}

func (p *replica) enter() { p.seat = p.node.Enter("key", p.Member) }

// kill ends a process at once.
func (p *replica) kill() {
	p.dead = true
	p.bus.Close()
	p.Close()
	p.gate.Shut(false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.node.Close(ctx)
}

// pause has a process stand still, or go on. Its reader may go on before the rest does.
func (p *replica) pause(paused bool) {
	p.gate.Shut(paused)
	p.bus.Pause(paused)
	p.Stop(paused)
}

func (r *rig) close() {
	for _, c := range r.closers {
		c()
	}
	for _, p := range r.replicas {
		if !p.dead {
			p.pause(false)
			p.kill()
		}
	}
}

// after lets time pass.
func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// send has the upstream send events.
func (r *rig) send(events int) {
	r.up.Send(events)
	synctest.Wait()
}

// leaders returns the living replicas that read the upstream.
func (r *rig) leaders() (leaders []*replica) {
	for _, p := range r.replicas {
		if !p.dead && p.Leads() {
			leaders = append(leaders, p)
		}
	}
	return leaders
}

// ids returns the numbers of the events that a replica has shown, and fails where they have a hole, or one twice, untold.
func (r *rig) audit(p *replica) {
	r.t.Helper()
	for i, e := range p.Seen() {
		if i == 0 || e.Reset {
			continue
		}
		before := p.Seen()[i-1]
		assert.Equal(r.t, number(before.ID)+1, number(e.ID), "%s shows %v behind %v", p.Name, e, before)
	}
}

func number(id string) (n int) {
	_, _ = fmt.Sscan(id, &n)
	return n
}
