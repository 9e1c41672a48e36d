package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/target"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// backend is one upstream at run time: its connection, or a service of this process, and what is known of its schema.
type backend struct {
	cfg    *config.Upstream
	client *upstream.Client // nil for a service of this process
	source source.Source
	// registration tells a service of this process from all other ones, "" for a server.
	registration string

	tried     chan struct{} // closed once a schema was loaded, or could not be
	triedOnce sync.Once

	mu       sync.Mutex
	snapshot *schema.Snapshot // nil until one was loaded
	err      error            // why the newest attempt failed, nil where it did not
}

// dial connects to an upstream. A schema that lies in files is read here, and a file that cannot be read is a problem;
// a server is not waited for.
func dial(ctx context.Context, cfg *config.Upstream, reconnect time.Duration, observe upstream.Observe) (*backend, *config.Problem) {
	client, err := upstream.Dial(upstream.Config{
		Target:          cfg.Target,
		Balance:         string(cfg.Balance),
		TLS:             tlsFiles(cfg.TLS),
		Authority:       cfg.Authority,
		Reconnect:       reconnect,
		Connections:     cfg.Connections,
		MaxConnections:  cfg.MaxConnections,
		Observe:         observe,
		MaxMessageBytes: int(cfg.MaxMessageBytes),
		Metadata:        cfg.Metadata,
		Keepalive:       upstream.Keepalive{Time: cfg.Keepalive.Time, Timeout: cfg.Keepalive.Timeout},
	})
	if err != nil {
		return nil, cfg.Problem("", err.Error(), "")
	}
	u := &backend{cfg: cfg, client: client, source: source.GRPC(client), tried: make(chan struct{})}
	if u.reflects() {
		return u, nil
	}
	u.snapshot, err = localSchema(ctx, cfg)
	u.markTried()
	if err != nil {
		_ = client.Close() // never used: the schema's error is the one to tell
		return nil, schemaProblem(cfg, err)
	}
	return u, nil
}

// localSchema reads a schema that lies in files. It returns nil for one that the running server has.
func localSchema(ctx context.Context, cfg *config.Upstream) (*schema.Snapshot, error) {
	switch {
	case cfg.Schema.DescriptorSet != "":
		return schema.FromDescriptorSet(cfg.Schema.DescriptorSet)
	case cfg.Schema.Proto != nil:
		return schema.FromProto(ctx, cfg.Schema.Proto.Files, cfg.Schema.Proto.ImportPaths)
	}
	return nil, nil
}

// schemaProblem says where the mistake of a schema in files is.
func schemaProblem(cfg *config.Upstream, err error) *config.Problem {
	if pattern := (*schema.PatternError)(nil); errors.As(err, &pattern) {
		return cfg.Problem(fmt.Sprintf("schema.proto.files[%d]", pattern.Index), err.Error(), "")
	}
	return cfg.Problem("schema", err.Error(), "")
}

// reconnectOf is the shortest `reopen.backoff.max` of the routes that an upstream may serve: the connection should not keep a
// stream waiting for longer than the route does.
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

// reflects reports whether the schema comes from the running server.
func (u *backend) reflects() bool {
	return u.cfg.Schema.DescriptorSet == "" && u.cfg.Schema.Proto == nil
}

// watch keeps the schema of a reflecting server fresh until ctx ends. changed is called after each change.
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

func (u *backend) markTried() { u.triedOnce.Do(func() { close(u.tried) }) }

// origin is what the messages of the backend's routes are known to come from.
func (u *backend) origin() route.Origin {
	if u.registration != "" {
		return route.Origin{Registration: u.registration}
	}
	return route.Origin{Upstream: u.cfg}
}

// schema returns the newest snapshot, and the error of the newest attempt to read one.
func (u *backend) schema() (*schema.Snapshot, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.snapshot, u.err
}

// unavailable says why there is no schema yet.
func unavailable(u *backend, err error) string {
	if err == nil {
		return fmt.Sprintf("the schema of upstream %q is not loaded yet", u.cfg.Name)
	}
	return fmt.Sprintf("the schema of upstream %q cannot be read: %s", u.cfg.Name, explained(u, err))
}

// explained returns the error of reading a schema for a person.
func explained(u *backend, err error) string {
	if target.LacksPort(u.cfg.Target) {
		return err.Error() + " (" + target.NoPort + ")"
	}
	return err.Error()
}
