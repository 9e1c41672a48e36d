// Package cluster lets several bridges share over NATS: together they read one upstream stream for all clients of a shared route
// with the same request. A store of NATS says which bridge reads a stream, and that bridge sends what it reads to the others.
//
//	shared, err := cluster.Connect(cfg.Server.Cluster, nil)
//	b, err := bridge.New(ctx, cfg, bridge.WithCluster(shared))
//
// A bridge that reaches no NATS serves alone.
package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/grpcsse/grpcsse/bridge/cluster/internal/natsbus"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/secret"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// Cluster is the part of one process in a cluster of bridges. It is for one bridge, as bridge.WithCluster takes it. Its methods
// may be called concurrently.
type Cluster struct {
	node  *cluster.Node
	bus   *natsbus.Bus
	tally *cluster.Tally
}

// Connect returns the part of this process in the cluster that the configuration describes. It tries each server of NATS
// once, for 2 s at most. Where NATS cannot be reached, or refuses the bridge, l says so once for each reason, the bridge serves
// alone, and the cluster goes on trying. An error says what of the configuration cannot be used, such as a file that cannot be read. l may be nil.
//
// The bridge uses the cluster until it is closed. Call [Cluster.Close] afterwards.
func Connect(c *config.Cluster, l *slog.Logger) (*Cluster, error) {
	text, err := secret.Read(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("the secret of the cluster: %w", err)
	}
	return ConnectWithSecret(c, []byte(text), l)
}

// ConnectWithSecret is as [Connect], with a secret of at least 32 bytes that is not in a file. SecretFile is not looked at.
func ConnectWithSecret(c *config.Cluster, secret []byte, l *slog.Logger) (*Cluster, error) {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	codec, err := wire.NewCodec(wire.Settings{Name: c.Name, Secret: secret, Seal: c.Seal})
	if err != nil {
		return nil, err
	}
	b, err := natsbus.Dial(c, l)
	if err != nil {
		return nil, err
	}
	tally := cluster.NewTally()
	faults := &faults{log: l, told: map[error]struct{}{}}
	node, err := cluster.New(b, codec, cluster.Options{Patience: c.Patience, Hooks: faults.add(tally.Hooks())})
	if err != nil {
		b.Close()
		return nil, err
	}
	return &Cluster{node, b, tally}, nil
}

// Enter is for the bridge.
func (c *Cluster) Enter(key string, m fanout.Member) fanout.Seat { return c.node.Enter(key, m) }

// Name is for the bridge.
func (c *Cluster) Name(key string) string { return c.node.Name(key) }

// Close gives up what the process still reads for the cluster, and closes the connection to NATS. It waits for NATS for some
// seconds at most. It must be called once, after the bridge is closed.
func (c *Cluster) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c.node.Close(ctx)
	c.bus.Close()
}

// closeTimeout is how long Close waits for NATS.
const closeTimeout = 3 * time.Second

// Replica returns the name of this process in the cluster. It is made at random.
func (c *Cluster) Replica() string { return c.node.Replica() }

// Counts are what has happened to the shared streams of a process since it began, and what is so now. Durations are in Histograms.
type (
	Counts    = cluster.Counts
	Histogram = cluster.Histogram
)

// Counts returns what has happened so far. metrics.Metrics.ReadCluster shows it to Prometheus.
func (c *Cluster) Counts() Counts {
	counts := c.tally.Counts()
	counts.Connected = c.node.Connected()
	return counts
}

// Stream is a shared stream in which the process has a part.
type Stream struct {
	// Key is the name of the stream's key in NATS, a digest that all processes have in common. It is the Key of bridge.StreamInfo.
	Key string
	// Role is "owner" for the process that reads the upstream, "follower", "alone" or "joining".
	Role string
	// Owner is the replica that reads the upstream, "" where none is known.
	Owner string
	// Term counts the owners of the key: the newest one has the highest term.
	Term uint64
	// Followers are the other replicas with clients, as far as the owner knows them.
	Followers []string
}

// Streams returns the shared streams in which the process has a part, by key.
func (c *Cluster) Streams() []Stream {
	all := c.node.Streams()
	out := make([]Stream, len(all))
	for i, s := range all {
		out[i] = Stream{Key: s.Name, Role: s.Role.String(), Owner: s.Owner, Term: s.Term, Followers: s.Followers}
	}
	return out
}
