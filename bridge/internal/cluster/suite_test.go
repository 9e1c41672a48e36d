package cluster_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/membus"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

func TestTheSuiteOverTheBusInMemory(t *testing.T) {
	hubs := map[string]*membus.Hub{}
	clustertest.Cluster(t, func(t *testing.T) clustertest.Process {
		if hubs[t.Name()] == nil {
			hubs[t.Name()] = membus.NewHub(1)
		}
		bus := hubs[t.Name()].Join(1 << 10) // so that pages have several pieces
		codec, err := wire.NewCodec(wire.Settings{Name: "test", Secret: make([]byte, wire.MinSecret), Seal: true})
		require.NoError(t, err)
		node, err := cluster.New(bus, codec, cluster.Options{})
		require.NoError(t, err)
		kill := sync.OnceFunc(func() {
			bus.Close()
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			node.Close(ctx)
		})
		t.Cleanup(kill)
		return clustertest.Process{Cluster: node, Kill: kill}
	})
}
