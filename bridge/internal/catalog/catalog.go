// Package catalog holds all routes and their upstreams. It connects to the upstreams, keeps their schemas up to date, and
// builds the routes: those of the configuration, those of the program, and those that follow from schemas. It builds them again
// when a schema changes.
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

// Catalog holds all routes and their upstreams. All methods may be called concurrently, except that Watch must return first.
type Catalog struct {
	log      *slog.Logger
	options  Options
	program  *program
	table    atomic.Pointer[table]
	watching context.Context // of the watchers; nil before Watch
	watchers sync.WaitGroup
	closed   func() error // closes the connections once, and returns the error of that

	rebuilding sync.Mutex      // held while table is replaced
	logged     map[string]bool // the problems of the newest table that were logged; guarded by rebuilding
}

// Options are the parts of a catalog that do not come from the configuration. Log and Observer must be set.
type Options struct {
	Log      *slog.Logger
	Observer Observer
	Services []source.Service // services of this process, which are upstreams too
	Routes   []SourcedRoute   // routes with a source of their own

	Authorized bool // the program authorizes callers, and may give them claims
}

// SourcedRoute is a route with a source of its own.
type SourcedRoute struct {
	Config *config.Route
	Source source.Definition
}

// New starts to connect to the upstreams, and builds the routes. It reads schemas that come from files, and waits for no
// server. ctx bounds the reading of files. The error is a [config.Problems].
func New(ctx context.Context, cfg *config.Config, o Options) (*Catalog, error) {
	p, problems := newProgram(&o, cfg)
	if problems != nil {
		return nil, problems
	}
	c := &Catalog{log: o.Log, options: o, program: p}
	c.closed = sync.OnceValue(c.disconnect)
	next, err := c.connect(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	if err := c.replace(next, func() {}); err != nil {
		next.release(nil)
		return nil, err
	}
	return c, nil
}

// Watch starts to keep the schemas that come by reflection up to date, until ctx ends.
func (c *Catalog) Watch(ctx context.Context) {
	c.watching = ctx
	for _, u := range c.table.Load().setup.backends {
		c.watch(u)
	}
}

// watch starts to keep the schema of an upstream up to date, if it comes by reflection.
func (c *Catalog) watch(u *backend) {
	if !u.reflects() {
		return
	}
	c.log.Info("reading the schema by reflection", "upstream", u.cfg.Name, "target", u.cfg.Target)
	ctx, stop := context.WithCancel(c.watching)
	u.stopWatching = stop
	c.watchers.Go(func() {
		defer stop()
		u.watch(ctx, func() { c.schemaChanged(u) })
	})
}

// Ready waits until the first attempt to load the schema of each upstream has ended. Where a reload replaces the upstreams
// meanwhile, it waits for the new ones. It returns an error if ctx ends before that, or closed is closed.
func (c *Catalog) Ready(ctx context.Context, closed <-chan struct{}) error {
	for {
		now := c.table.Load().setup
		if err := awaitTried(ctx, now.backends, closed); err != nil || c.table.Load().setup == now {
			return err
		}
	}
}

// awaitTried waits until the first attempt to load the schema of each upstream has ended.
func awaitTried(ctx context.Context, backends []*backend, closed <-chan struct{}) error {
	for _, u := range backends {
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

// Wait waits until the goroutines that Watch started have returned. The context of Watch must have ended.
func (c *Catalog) Wait() { c.watchers.Wait() }

// Close waits for the iterators and services of this process that still serve streams, and closes the connections to the
// upstreams. Further calls return the error of the first one.
func (c *Catalog) Close() error {
	c.program.runner.Close()
	return c.closed()
}

func (c *Catalog) disconnect() error {
	var errs []error
	for _, u := range c.table.Load().setup.backends {
		if err := u.client.Close(); err != nil {
			errs = append(errs, fmt.Errorf("upstream %q: %w", u.cfg.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Match finds the route for a method and an escaped path.
func (c *Catalog) Match(method, path string) route.Match {
	t := c.table.Load()
	return route.Match{Match: t.router.Match(method, path, nil), Pending: t.pending}
}

// Generation returns a number that changes whenever the routes are rebuilt.
func (c *Catalog) Generation() uint64 { return c.table.Load().generation }

// Routes returns the current routes, including those that are out of order. The caller must not change them.
func (c *Catalog) Routes() []*route.Route { return c.table.Load().routes }
