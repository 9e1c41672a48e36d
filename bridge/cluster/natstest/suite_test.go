// Package natstest tests bridge/cluster with servers of NATS. It is a module of its own, so that users of the library do not
// download nats-server.
package natstest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster"
	"github.com/grpcsse/grpcsse/bridge/cluster/internal/natsbus"
	internal "github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
)

// connected waits until a bus has a connection.
func connected(t *testing.T, b internal.Bus) {
	t.Helper()
	up := make(chan struct{}, 1)
	stop := b.Watch(func(now bool) {
		if now {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	select {
	case <-up:
	case <-time.After(patience):
		require.Fail(t, "NATS is not connected")
	}
}

func TestTheBusIsOne(t *testing.T) {
	s := startNATS(t, nil)
	c := clusterOf(t, s)
	clustertest.Bus(t, func(t *testing.T) internal.Bus {
		t.Helper()
		b, err := natsbus.Dial(c, nil)
		require.NoError(t, err)
		t.Cleanup(b.Close)
		connected(t, b)
		return b
	})
}

func TestTheClusterIsOne(t *testing.T) {
	s := startNATS(t, nil)
	names := 0
	configs := map[*testing.T]string{}
	clustertest.Cluster(t, func(t *testing.T) clustertest.Process {
		t.Helper()
		if configs[t] == "" {
			names++
			configs[t] = "test" + string(rune('a'+names))
		}
		c := clusterOf(t, s)
		c.Name = configs[t]
		c.SecretFile = secretOf(t, configs[t])
		part, err := cluster.Connect(c, nil)
		require.NoError(t, err)
		over := false
		end := func() {
			if !over {
				over = true
				part.Close()
			}
		}
		t.Cleanup(end)
		return clustertest.Process{Cluster: part, Kill: end}
	})
}
