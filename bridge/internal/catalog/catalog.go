// Package catalog has all routes, and the upstreams that they go to. It connects to the upstreams, keeps their schemas fresh, and
// builds the routes anew when a schema changes: those of the configuration, those of the program, and those that schemas bring.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// Catalog is all routes, and the upstreams that they go to. When the schema of an upstream changes, the routes are built anew.
// All methods may be called concurrently.
type Catalog struct {
	cfg      *config.Config
	log      *slog.Logger
	backends []*backend
	program  *program
	table    atomic.Pointer[table]
	watchers sync.WaitGroup
	closed   func() error // closes the connections, once

	rebuild  sync.Mutex      // serialises changes of table
	remarked map[string]bool // what was logged of the newest table; guarded by rebuild
}

// Options are what a catalog is made of beside the configuration.
type Options struct {
	Log      *slog.Logger
	Observer Observer
	Services []source.Service // of this process, which are upstreams too
	Routes   []SourcedRoute
}

// SourcedRoute is a route with a source of its own.
type SourcedRoute struct {
	Config *config.Route
	Source source.Definition
}

// New connects to the upstreams, and builds the routes. A schema that lies in files is read here; a server is not waited
// for. ctx bounds the reading of files. Errors are [config.Problems].
func New(ctx context.Context, cfg *config.Config, o Options) (*Catalog, error) {
	p, problems := newProgram(&o, cfg)
	if problems != nil {
		return nil, problems
	}
	c := &Catalog{cfg: cfg, log: o.Log, program: p}
	c.closed = sync.OnceValue(c.disconnect)
	err := c.dialAll(ctx, o.Observer)
	if err == nil {
		err = c.renew()
	}
	if err != nil {
		_ = c.closed() // nothing was served: err is what counts
		return nil, err
	}
	return c, nil
}

// Watch keeps the schemas of servers fresh that show them by reflection, until ctx ends.
func (c *Catalog) Watch(ctx context.Context) {
	for _, u := range c.backends {
		if u.reflects() {
			c.log.Info("reading the schema by reflection", "upstream", u.cfg.Name, "target", u.cfg.Target)
			c.watchers.Go(func() { u.watch(ctx, func() { c.schemaChanged(u) }) })
		}
	}
}

// Ready waits until the schema of every upstream was loaded, or could not be loaded once. It returns an error where ctx ends
// first, or closed is closed.
func (c *Catalog) Ready(ctx context.Context, closed <-chan struct{}) error {
	for _, u := range c.backends {
		select {
		case <-u.tried:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-closed:
			return errors.New("the bridge is closed")
		}
	}
	return nil
}

// Wait waits until the schemas are watched no more. The context of watch must have ended.
func (c *Catalog) Wait() { c.watchers.Wait() }

// Close waits for the code of this process that still serves streams, and closes the connections to the upstreams. Further calls
// return what the first one did.
func (c *Catalog) Close() error {
	c.program.runner.Close()
	return c.closed()
}

// dialAll connects to every upstream, and reports all that fail.
func (c *Catalog) dialAll(ctx context.Context, o Observer) error {
	var problems config.Problems
	for _, u := range c.cfg.Upstreams {
		backend, problem := dial(ctx, u, reconnectOf(c.cfg, u), observe(c.log, o, u))
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		c.backends = append(c.backends, backend)
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

func (c *Catalog) disconnect() error {
	var errs []error
	for _, u := range c.backends {
		if err := u.client.Close(); err != nil {
			errs = append(errs, fmt.Errorf("upstream %q: %w", u.cfg.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Match finds the route for a method and an escaped path.
func (c *Catalog) Match(method, path string) route.Found {
	t := c.table.Load()
	return route.Found{Match: t.router.Match(method, path, nil), Pending: t.pending}
}

// Generation is a number that changes when the routes are built anew.
func (c *Catalog) Generation() uint64 { return c.table.Load().generation }

// Routes returns the routes as they are now, those that are out of order too.
func (c *Catalog) Routes() []*route.Route { return c.table.Load().routes }
