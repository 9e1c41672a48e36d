package cluster

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// Patience is how long a replica waits for the bus before it serves alone, where nothing else is set.
const Patience = 2 * time.Second

const (
	shards         = 8
	entryTasks     = 32 // requests to the store at once
	questionTasks  = 64 // requests to other replicas at once
	entryTimeout   = 2 * time.Second
	requestTimeout = 400 * time.Millisecond
)

// Options are what a [Node] is told.
type Options struct {
	// Replica is the incarnation of the node: a name that no other process has. "" is a random one.
	Replica  string
	Patience time.Duration // 0 is [Patience]
	Hooks    Hooks

	gate func() // for tests: is called before the node does anything; it waits while the node is to stand still
}

// Node is a replica's part in a cluster. It implements [fanout.Cluster]. Its methods may be called concurrently.
type Node struct {
	bus      Bus
	codec    Codec
	me       string
	patience time.Duration
	hooks    Hooks
	gate     func()
	began    time.Time

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	stops   []func()
	seed    maphash.Seed
	shards  [shards]*shard
	entries pool // requests to the store
	asks    pool // requests to other replicas
	peers   peers

	mu        sync.Mutex
	connected bool
	lost      time.Duration
}

var _ fanout.Cluster = (*Node)(nil)

// New returns a node that uses a bus until it is closed. An error says that the node cannot subscribe. A bus may be without a
// connection.
func New(bus Bus, codec Codec, o Options) (*Node, error) {
	n := &Node{
		bus: bus, codec: codec, me: o.Replica, patience: o.Patience, hooks: o.Hooks, gate: o.gate, began: time.Now(),
		seed: maphash.MakeSeed(),
	}
	if n.me == "" {
		n.me = rand.Text()
	}
	if n.patience == 0 {
		n.patience = Patience
	}
	if n.gate == nil {
		n.gate = func() {}
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.entries = pool{most: entryTasks, gate: n.gate}
	n.asks = pool{most: questionTasks, gate: n.gate}
	n.peers = peers{bus: bus, ctx: n.ctx, gate: n.gate, verdict: n.judge, answered: n.hooks.answered, watched: map[string]*peer{}}
	for i := range n.shards {
		n.shards[i] = newShard(n)
	}
	if err := n.listen(); err != nil {
		n.stop()
		return nil, err
	}
	for _, sh := range n.shards {
		n.running.Go(sh.run)
	}
	n.stops = append(n.stops, bus.Watch(n.link))
	return n, nil
}

// Replica returns the incarnation of the node.
func (n *Node) Replica() string { return n.me }

// Name returns the name of a key in the cluster, as [Node.Streams] has it.
func (n *Node) Name(key string) string { return n.codec.Name(key) }

// Enter has the replica take part in a key. The replica counts as one with subscribers until [fanout.Seat.Want] says otherwise.
func (n *Node) Enter(key string, m fanout.Member) fanout.Seat {
	name := n.codec.Name(key)
	s := &seat{node: n, name: name, member: m, shard: n.shardOf(name)}
	s.local.Store(true)
	s.shard.box.post(func() { s.shard.enter(s) })
	return s
}

func (n *Node) shardOf(name string) *shard { return n.shards[maphash.String(n.seed, name)%shards] }

// now returns the time since the node began.
func (n *Node) now() time.Duration { return time.Since(n.began) }

// link notes whether the bus is connected.
func (n *Node) link(connected bool) {
	n.mu.Lock()
	if n.connected && !connected {
		n.lost = n.now()
	}
	n.connected = connected
	n.mu.Unlock()
	if !connected {
		n.peers.forget()
	}
	for _, sh := range n.shards {
		sh.box.post(func() { sh.each(linkChanged{connected}) })
	}
}

// Connected reports whether the bus is connected.
func (n *Node) Connected() bool {
	connected, _ := n.linked()
	return connected
}

// linked returns whether the bus is connected, and when it was lost.
func (n *Node) linked() (connected bool, lost time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.connected, n.lost
}

// judge passes on whether a replica is there.
func (n *Node) judge(replica string, alive bool) {
	for _, sh := range n.shards {
		sh.box.post(func() { sh.each(verdictCame{replica, alive}) })
	}
}

// encode returns the pieces of a message. The hooks are told where there are none.
func (n *Node) encode(subject string, body wire.Body) ([][]byte, error) {
	pieces, err := n.codec.Encode(subject, wire.Message{From: n.me, Body: body}, n.bus.MaxPayload())
	if err != nil {
		n.hooks.unsent(err)
	}
	return pieces, err
}

// send publishes a message. What is not sent is asked for by those who miss it.
func (n *Node) send(subject string, body wire.Body) {
	pieces, err := n.encode(subject, body)
	for i := 0; i < len(pieces) && err == nil; i++ {
		err = n.bus.Publish(subject, pieces[i]) // an error says that there is no connection, and then the pieces behind are of no use
	}
}

// decode returns the message of a piece, or nil where there is none yet or it cannot be read. The hooks are told of the latter.
func (n *Node) decode(subject string, piece []byte) (*wire.Message, error) {
	m, err := n.codec.Decode(subject, piece)
	if err != nil {
		n.hooks.unread(err)
		return nil, err
	}
	return m, nil
}

// Close gives up every key, waits until the store knows or ctx is over, and ends the node. Other replicas go on.
func (n *Node) Close(ctx context.Context) {
	for _, sh := range n.shards {
		sh.call(func() { sh.each(leaveAsked{}) })
	}
	given := make(chan struct{})
	go func() {
		n.entries.tasks.Wait()
		close(given)
	}()
	select {
	case <-given:
		for _, sh := range n.shards {
			sh.call(func() {}) // so that the others are told
		}
	case <-ctx.Done():
	}
	n.stop()
}

// stop ends what the node has running.
func (n *Node) stop() {
	n.cancel()
	for _, stop := range n.stops {
		stop()
	}
	for _, sh := range n.shards {
		sh.box.close()
	}
	n.peers.running.Wait()
	n.entries.tasks.Wait()
	n.asks.tasks.Wait()
	n.running.Wait()
}
