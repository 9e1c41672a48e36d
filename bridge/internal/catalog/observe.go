package catalog

import (
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// Observer is told of the connections to the upstreams, concurrently.
type Observer interface {
	// StreamWaits is called for a stream that waits since the upstream grants no more on its connections; waiting is how many do.
	StreamWaits(upstream string, waiting int)
	// Connections is called when connections to an upstream were added or closed; n is how many there are.
	Connections(upstream string, n int)
}

// observe tells the operator of streams that wait since the upstream grants no more on its connections. gRPC itself says nothing:
// the browsers would see silence.
func observe(log *slog.Logger, o Observer, u *config.Upstream) upstream.Observe {
	connections := func(n int) {
		log.Info("connections to an upstream", "upstream", u.Name, "connections", n, "max_connections", u.MaxConnections)
		o.Connections(u.Name, n)
	}
	return upstream.Observe{
		OnWaiting: func(n int) {
			if n == 1 { // the first of many, which all wait for the same reason
				log.Warn("a stream waits: the upstream grants no more on its connections", "upstream", u.Name)
			}
			o.StreamWaits(u.Name, n)
		},
		OnGrow:   connections,
		OnShrink: connections,
	}
}
