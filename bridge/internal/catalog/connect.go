package catalog

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// connect returns the setup of a configuration. It keeps the servers of before whose upstream has the same content, and starts to
// connect to all others. before is nil for the first configuration. The error is a [config.Problems] with the problems of all
// upstreams. Nothing was changed then.
func (c *Catalog) connect(ctx context.Context, cfg *config.Config, before *setup) (*setup, error) {
	next := &setup{cfg: cfg}
	var problems config.Problems
	for _, u := range cfg.Upstreams {
		backend, problem := c.backendFor(ctx, cfg, u, before)
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		next.backends = append(next.backends, backend)
	}
	if len(problems) > 0 {
		next.release(before)
		return nil, problems
	}
	return next, nil
}

// backendFor returns the backend of one upstream.
func (c *Catalog) backendFor(
	ctx context.Context, cfg *config.Config, u *config.Upstream, before *setup,
) (*backend, *config.Problem) {
	same := before.serverOf(u)
	if same == nil {
		return dial(ctx, u, reconnectOf(cfg, u), hooks(c.log, c.options.Observer, u))
	}
	kept := &backend{cfg: u, server: same}
	if kept.reflects() {
		return kept, nil
	}
	return reread(ctx, kept)
}

// reread reads the schema of an upstream again from its files. Where the schema has changed, it returns a backend that has the
// connection of kept and the new schema.
func reread(ctx context.Context, kept *backend) (*backend, *config.Problem) {
	snap, err := localSchema(ctx, kept.cfg)
	if err != nil {
		return nil, schemaProblem(kept.cfg, err)
	}
	if old, _ := kept.schema(); old.Hash() == snap.Hash() {
		return kept, nil
	}
	kept.client.Hold() // the present setup holds the connection too, so that it is open
	renewed := newBackend(kept.cfg, kept.client)
	renewed.setSchema(snap)
	return renewed, nil
}

// serverOf returns the server whose upstream has the same content as u, nil where there is none.
func (s *setup) serverOf(u *config.Upstream) *server {
	if s == nil {
		return nil
	}
	content := route.UpstreamContent(u)
	for _, have := range s.backends {
		if have.content == content {
			return have.server
		}
	}
	return nil
}

// release gives up the servers that other does not use. other may be nil.
func (s *setup) release(other *setup) {
	for _, u := range s.backends {
		if other == nil || !other.uses(u.server) {
			u.release()
		}
	}
}
