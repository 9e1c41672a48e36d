package catalog

import (
	"log/slog"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// Observer receives notice of the connections to the upstreams. Its methods are called concurrently and must not block.
type Observer interface {
	// StreamWaits is called when a stream must wait because the upstream allows no more streams on its connections. waiting is the
	// number of streams that wait now.
	StreamWaits(upstream string, waiting int)
	// StreamWaited is called once for each StreamWaits, when the stream has a place or gives up.
	StreamWaited(upstream string, waited time.Duration)
	// Connections is called when connections to an upstream were added or closed. n is the number of connections now.
	Connections(upstream string, n int)
}

// hooks returns hooks that log and report streams that wait for an upstream, and changes of its connections. gRPC itself does
// not report that a stream waits.
func hooks(log *slog.Logger, o Observer, u *config.Upstream) upstream.Hooks {
	connections := func(n int) {
		log.Info("connections to an upstream", "upstream", u.Name, "connections", n, "max_connections", u.MaxConnections)
		o.Connections(u.Name, n)
	}
	var said seldom
	return upstream.Hooks{
		OnWaiting: func(n int) {
			if n == 1 && said.now() { // further streams wait for the same reason
				log.Warn("a stream waits: the upstream grants no more on its connections", "upstream", u.Name)
			}
			o.StreamWaits(u.Name, n)
		},
		OnWaited: func(waited time.Duration) { o.StreamWaited(u.Name, waited) },
		OnGrow:   connections,
		OnShrink: connections,
		OnStale: func(err error) {
			log.Warn("credentials cannot be read again; the old ones stay in use", "upstream", u.Name, "error", err)
		},
	}
}

// The log has at most so many lines in so long about streams that wait for one upstream. Clients decide how often streams begin to
// wait.
const (
	waitLines  = 10
	waitPeriod = time.Minute
)

// seldom says whether a line may be logged now. The zero seldom is ready for use. It is safe for concurrent use.
type seldom struct {
	mu    sync.Mutex
	began time.Time // of the period
	said  int       // lines of the period
}

func (s *seldom) now() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.began) >= waitPeriod {
		s.began, s.said = now, 0
	}
	s.said++
	return s.said <= waitLines
}

// Upstream is what is known of the server of an upstream at one moment.
type Upstream struct {
	Config *config.Upstream
	State  upstream.State
	Since  time.Time // when State began, see [upstream.Client.State]
	// SchemaRead says that the schema was read at least once, and that the routes in force are compiled against it.
	SchemaRead bool
	Load       upstream.Load
}

// Upstreams returns the upstreams of the configuration, in its order. Services of this process are not among them.
func (c *Catalog) Upstreams() []Upstream {
	t := c.table.Load()
	backends := t.setup.backends
	all := make([]Upstream, 0, len(backends))
	for _, u := range backends {
		of := Upstream{Config: u.cfg, Load: u.client.Load()}
		of.State, of.Since = u.client.State()
		of.SchemaRead = t.read[u]
		all = append(all, of)
	}
	return all
}
