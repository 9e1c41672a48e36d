package bridge

import (
	"errors"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// slots tells the operator of streams that wait since the upstream grants no more on its connections. gRPC itself tells
// nobody: the browsers would see silence.
func (b *Bridge) slots(u *config.Upstream) upstream.Observe {
	connections := func(n int) {
		b.log.Info("connections to an upstream", "upstream", u.Name, "connections", n, "max_connections", u.MaxConnections)
		b.observer.Connections(u.Name, n)
	}
	return upstream.Observe{
		OnWaiting: func(n int) {
			if n == 1 { // the first of many, which all wait for the same reason
				b.log.Warn("a stream waits: the upstream grants no more on its connections", "upstream", u.Name)
			}
			b.observer.StreamWaits(u.Name, n)
		},
		OnGrow:   connections,
		OnShrink: connections,
	}
}

// notOpened returns the ending for a stream that could not be opened.
func notOpened(rt *route.Route, err error) *ending.Ending {
	if errors.Is(err, upstream.ErrNoSlot) {
		end := ending.Refuse(ending.Unavailable, ending.ByLimit, "the upstream has no room for another stream")
		end.Cause = err
		return end
	}
	return upstreamEnded(rt, source.StatusOf(err))
}
