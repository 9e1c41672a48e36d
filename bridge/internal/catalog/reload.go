package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"weak"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// schemaPatience is how long a reload waits for the schemas of new servers. Without the wait, routes would be out of order for a
// moment although their server is there.
const schemaPatience = 10 * time.Second

// errPatience is the cause of the end of that wait.
var errPatience = errors.New("no schema was read in time")

// Reload replaces the configuration. It builds and checks everything first: after an error, nothing has changed. The error is a
// [config.Problems], or the cause of the end of ctx. Upstreams with the same content keep their connections. Those that are gone
// or have changed are closed when the last stream on them has ended. The editions of routes that are gone or have changed are
// retired: their streams must end before the time by, which is `drain_timeout` from now. Reload must not be called concurrently.
//
// accepted is called once nothing can go wrong any more, just before the new routes are in force. What else decides about their
// callers must be in force when accepted returns: otherwise a caller could have a stream of a new route that the old rules
// allow.
func (c *Catalog) Reload(ctx context.Context, cfg *config.Config, accepted func()) (by time.Time, err error) {
	before := c.table.Load().setup
	problems := checkGoConfig(cfg)
	problems = append(problems, c.program.checkNames(cfg)...)
	problems = append(problems, c.program.checkAuth(cfg)...)
	if len(problems) > 0 {
		return by, problems
	}
	next, err := c.connect(ctx, cfg, before)
	if err != nil {
		return by, err
	}
	if err = c.awaitSchemas(ctx, next, before); err == nil {
		by, err = c.install(next, accepted)
	}
	if err != nil {
		next.release(before)
		return by, err
	}
	before.release(next)
	return by, nil
}

// awaitSchemas starts to read the schemas of the servers that are new, and waits for the first attempt. It waits a bounded time:
// a server that cannot be reached makes its routes be out of order, as at the start of a bridge. The error is the cause of ctx.
func (c *Catalog) awaitSchemas(ctx context.Context, next, before *setup) error {
	var fresh []*backend
	for _, u := range next.backends {
		if !before.uses(u.server) {
			c.watch(u)
			fresh = append(fresh, u)
		}
	}
	within, cancel := context.WithTimeoutCause(ctx, schemaPatience, errPatience)
	defer cancel()
	if err := awaitTried(within, fresh, nil); err != nil && !errors.Is(err, errPatience) {
		return fmt.Errorf("wait for the schemas of new upstreams: %w", err)
	}
	return nil
}

// install makes the table of a setup the current one, and retires the editions that are not part of it. See [Catalog.Reload]
// for accepted.
func (c *Catalog) install(next *setup, accepted func()) (by time.Time, err error) {
	c.rebuilding.Lock()
	defer c.rebuilding.Unlock()
	old := c.table.Load()
	if err := c.replace(next, accepted); err != nil {
		return by, err
	}
	by = time.Now().Add(next.cfg.Server.DrainTimeout)
	c.retire(old, c.table.Load(), by)
	return by, nil
}

// retire retires the editions of old that now does not have, and logs what the reload has done with the routes.
func (c *Catalog) retire(old, now *table, by time.Time) {
	current, names := map[*route.Edition]bool{}, map[string]bool{}
	for _, rt := range now.routes {
		current[rt.Edition], names[rt.Config.Name] = true, true
	}
	kept, changed, removed := 0, 0, 0
	for _, rt := range old.routes {
		switch {
		case current[rt.Edition]:
			kept++
			continue
		case names[rt.Config.Name]:
			changed++
			c.log.Info("route has changed", "route", rt.Config.Name)
		default:
			removed++
			c.log.Info("route is gone", "route", rt.Config.Name)
		}
		rt.Edition.Retire(by)
	}
	for _, e := range old.withoutRoute {
		if alive := e.edition.Value(); alive != nil && !current[alive] {
			alive.Retire(by)
		}
	}
	c.log.Info("the configuration was replaced", "routes", len(now.routes), "kept", kept, "changed", changed, "removed", removed,
		"added", len(now.routes)-kept-changed)
}

// editions are the editions of the routes in a table, for the table after it.
type editions struct {
	of           map[string]edition
	withoutRoute []formerEdition
	// same says that both tables have the same configuration: only schemas differ.
	same bool
}

// edition is an edition, with the content of its newest route.
type edition struct {
	*route.Edition

	content route.Digest
}

// formerEdition is the edition of a route that is in no table any more, because a schema took the route away or gave it another
// upstream. Its streams go on until the next reload. The pointer is weak: an edition that no stream has is forgotten.
type formerEdition struct {
	key     string
	content route.Digest
	edition weak.Pointer[route.Edition]
}

// editionsOf returns the editions in old. next is the setup of the table after it.
func editionsOf(old *table, next *setup) editions {
	e := editions{of: map[string]edition{}}
	if old == nil {
		return e
	}
	e.same, e.withoutRoute = old.setup == next, old.withoutRoute
	for _, rt := range old.routes {
		e.of[editionKey(rt)] = edition{rt.Edition, rt.Content}
	}
	return e
}

// editionKey identifies a route in one table. A method of HTTP and a path lead to one route only.
func editionKey(rt *route.Route) string {
	return strings.Join(append([]string{rt.Config.Name, rt.Config.Path}, rt.Config.Methods...), " ")
}

// continueIn gives a route the edition of the route before it, where that goes on. unknown is the content that the route has
// while it is not known which upstream serves it.
func (e *editions) continueIn(rt *route.Route, unknown route.Digest) {
	key := editionKey(rt)
	before, had := e.of[key]
	switch {
	case had && before.content == rt.Content, had && e.same && before.content == unknown:
		rt.Edition = before.Edition
		return
	case had && e.same && rt.Content == unknown: // no stream begins, and those that are open go on
		rt.Edition, rt.Content = before.Edition, before.content
		return
	}
	for _, former := range e.withoutRoute {
		if alive := former.edition.Value(); alive != nil && former.key == key && former.content == rt.Content {
			rt.Edition = alive
			return
		}
	}
}

// left returns the editions that none of the routes has, where the configuration is the same. A reload retires them instead.
func (e *editions) left(routes []*route.Route) (left []formerEdition) {
	if !e.same {
		return nil
	}
	current := map[*route.Edition]bool{}
	for _, rt := range routes {
		current[rt.Edition] = true
	}
	for key, before := range e.of {
		if !current[before.Edition] {
			left = append(left, formerEdition{key, before.content, weak.Make(before.Edition)})
		}
	}
	for _, former := range e.withoutRoute {
		if alive := former.edition.Value(); alive != nil && !current[alive] {
			left = append(left, former)
		}
	}
	return left
}

// identify gives a route the content of its configuration, and the edition of the route before it, where that goes on. u is nil
// while it is not known which upstream serves the route. The configuration of the route must not be annotated yet.
func (b *tableBuilder) identify(rt *route.Route, u *backend) {
	unknown := route.ContentOf(rt.Config, &b.cfg.Auth, "", route.Provider{})
	rt.Content = unknown
	if u != nil {
		schemaHash := ""
		if snap := b.views[u].snap; snap != nil && !u.reflects() {
			schemaHash = snap.Hash()
		}
		rt.Content = route.ContentOf(rt.Config, &b.cfg.Auth, schemaHash, u.provider())
	}
	b.editions.continueIn(rt, unknown)
}
