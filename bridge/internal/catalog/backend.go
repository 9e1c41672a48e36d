package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/target"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// backend is one upstream of one configuration. Several configurations may have the same server.
type backend struct {
	*server

	cfg *config.Upstream
}

// server is one upstream at run time: the connection to a server, or a service of this process, and the schema as far as it is
// known.
type server struct {
	client *upstream.Client // nil for a service of this process
	source source.Source
	// content is what the configuration said when the connection was made.
	content route.Digest
	// registration is a random text that identifies a service of this process. It is "" for a server.
	registration string

	stopWatching context.CancelFunc // nil while the schema is not watched
	tried        chan struct{}      // closed when the first attempt to load the schema has ended
	triedOnce    sync.Once

	mu       sync.Mutex
	snapshot *schema.Snapshot // nil until a schema was loaded
	err      error            // the error of the newest attempt to load a schema
}

// dial starts to connect to an upstream, and does not wait for the server. It reads a schema that comes from files: a file that
// cannot be read is a problem.
func dial(
	ctx context.Context, cfg *config.Upstream, reconnect time.Duration, hooks upstream.Hooks,
) (*backend, *config.Problem) {
	client, err := upstream.Dial(upstream.Config{
		Target:          cfg.Target,
		Balance:         string(cfg.Balance),
		TLS:             tlsFiles(cfg.TLS),
		Authority:       cfg.Authority,
		Reconnect:       reconnect,
		Connections:     cfg.Connections,
		MaxConnections:  cfg.MaxConnections,
		Hooks:           hooks,
		Limits:          upstream.Limits{Streams: cfg.Limits.Streams, Waiting: cfg.Limits.Waiting},
		MaxMessageBytes: int(cfg.MaxMessageBytes),
		Metadata:        cfg.Metadata,
		MetadataFiles:   cfg.MetadataFiles,
		Keepalive:       upstream.Keepalive{Time: cfg.Keepalive.Time, Timeout: cfg.Keepalive.Timeout},
	})
	if err != nil {
		return nil, cfg.Problem("", err.Error(), "")
	}
	u := newBackend(cfg, client)
	if u.reflects() {
		return u, nil
	}
	snap, err := localSchema(ctx, cfg)
	if err != nil {
		_ = client.Close() // the client was never used, so its error does not matter
		return nil, schemaProblem(cfg, err)
	}
	u.setSchema(snap)
	return u, nil
}

// newBackend returns a backend without a schema.
func newBackend(cfg *config.Upstream, client *upstream.Client) *backend {
	return &backend{cfg: cfg, server: &server{
		client: client, source: source.GRPC(client), content: route.UpstreamContent(cfg), tried: make(chan struct{}),
	}}
}

// setSchema sets the schema that was read from files.
func (s *server) setSchema(snap *schema.Snapshot) {
	s.snapshot = snap
	s.markTried()
}

// localSchema reads a schema from files. It returns nil for an upstream whose schema comes by reflection.
func localSchema(ctx context.Context, cfg *config.Upstream) (*schema.Snapshot, error) {
	switch {
	case cfg.Schema.DescriptorSet != "":
		return schema.FromDescriptorSet(cfg.Schema.DescriptorSet)
	case cfg.Schema.Proto != nil:
		return schema.FromProto(ctx, cfg.Schema.Proto.Files, cfg.Schema.Proto.ImportPaths)
	}
	return nil, nil
}

// schemaProblem returns the problem of a schema that cannot be read from its files.
func schemaProblem(cfg *config.Upstream, err error) *config.Problem {
	if pattern := (*schema.PatternError)(nil); errors.As(err, &pattern) {
		return cfg.Problem(fmt.Sprintf("schema.proto.files[%d]", pattern.Index), err.Error(), "")
	}
	return cfg.Problem("schema", err.Error(), "")
}

// reconnectOf returns the shortest `reopen.backoff.max` of the routes that an upstream may serve: a stream should not wait
// longer for the connection than for its own back-off.
func reconnectOf(cfg *config.Config, u *config.Upstream) time.Duration {
	var shortest time.Duration
	of := func(r *config.Route) {
		if longest := r.Reopen.Max; shortest == 0 || longest > 0 && longest < shortest {
			shortest = longest
		}
	}
	for _, r := range cfg.Routes {
		if r.Upstream == "" || r.Upstream == u.Name {
			of(r)
		}
	}
	if cfg.ServeAll || u.Annotations {
		of(cfg.Defaults)
	}
	return shortest
}

func tlsFiles(t *config.UpstreamTLS) *upstream.TLS {
	if t == nil {
		return nil
	}
	return &upstream.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName}
}

// reflects reports whether the schema comes from the running server, by reflection.
func (u *backend) reflects() bool {
	return u.cfg.Schema.DescriptorSet == "" && u.cfg.Schema.Proto == nil
}

// watch keeps the schema of a server up to date by reflection until ctx ends. It calls changed after each change and each
// error.
func (u *backend) watch(ctx context.Context, changed func()) {
	schema.NewWatcher(u.client.Conn(), func(snap *schema.Snapshot, err error) {
		u.mu.Lock()
		u.err = err
		if snap != nil {
			u.snapshot = snap
		}
		u.mu.Unlock()
		changed()
		u.markTried()
	}).Run(ctx)
}

func (s *server) markTried() { s.triedOnce.Do(func() { close(s.tried) }) }

// provider returns what identifies the backend in the digests of its routes.
func (u *backend) provider() route.Provider {
	if u.registration != "" {
		return route.Provider{Registration: u.registration}
	}
	return route.Provider{Upstream: u.cfg}
}

// schema returns the newest snapshot, and the error of the newest attempt to read one.
func (s *server) schema() (*schema.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot, s.err
}

// release gives up the connection: it is closed when the last stream on it has ended. The schema is no longer watched, and
// nothing waits for it any more.
func (s *server) release() {
	if s.stopWatching != nil {
		s.stopWatching()
	}
	s.markTried()
	s.client.Release()
}

// unavailable returns a sentence that says why an upstream has no schema yet. err is the error of the newest attempt to read
// it.
func unavailable(u *backend, err error) string {
	if err == nil {
		return fmt.Sprintf("the schema of upstream %q is not loaded yet", u.cfg.Name)
	}
	return fmt.Sprintf("the schema of upstream %q cannot be read: %s", u.cfg.Name, explained(u, err))
}

// explained returns the text of an error from reading a schema, with a hint where the target has no port, and where the server
// probably speaks TLS: such a server closes a connection that does not begin with a handshake.
func explained(u *backend, err error) string {
	if u.cfg.TLS == nil && strings.Contains(err.Error(), "error reading server preface") {
		return err.Error() + " (where the server speaks TLS, say --upstream-tls, or `tls: {}` in the file)"
	}
	if target.LacksPort(u.cfg.Target) {
		return err.Error() + " (" + target.NoPort + ")"
	}
	return err.Error()
}
