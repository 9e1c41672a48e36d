package membus_test

import (
	"testing"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/membus"
)

func TestBus(t *testing.T) {
	hubs := map[string]*membus.Hub{}
	clustertest.Bus(t, func(t *testing.T) cluster.Bus {
		if hubs[t.Name()] == nil {
			hubs[t.Name()] = membus.NewHub(1)
		}
		b := hubs[t.Name()].Join(1 << 16)
		t.Cleanup(b.Close)
		return b
	})
}
