package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// table is all routes of one moment: a pure function of the configuration and of the schemas. It is immutable, and
// swapped whole when a schema changes; streams keep the route that they began with.
type table struct {
	router *pathtmpl.Router[*route.Route]
	routes []*route.Route
	// problems are what is wrong with upstreams and their annotations, beside what is wrong with routes: nothing of it takes
	// out a route that is listed.
	problems config.Problems
	// pending stands for the routes that a schema has yet to bring, nil where none are missing. A path that nothing matches
	// is turned away as this route is: 404 would make an EventSource give up for good.
	pending *route.Route
	// unread is what is wrong with upstreams whose schema is not known.
	unread     config.Problems
	generation uint64
}

// newTable compiles every route against the schemas that are there. old lends the health of its routes.
func newTable(cfg *config.Config, backends []*backend, p *program, old *table) (*table, *config.Problem) {
	b := &tableBuilder{
		table:    &table{router: pathtmpl.NewRouter[*route.Route]()},
		backends: backends,
		program:  p,
		health:   healthOf(old),
		serves:   map[*backend]bool{},
		views:    map[*backend]view{},
	}
	if old != nil {
		b.table.generation = old.generation + 1
	}
	for _, u := range slices.Concat(p.services, backends) {
		snap, err := u.schema()
		b.views[u] = view{snap, err}
	}
	for _, r := range cfg.Routes {
		if err := b.listed(r); err != nil {
			return nil, err
		}
	}
	for _, rt := range p.routes {
		if err := b.add(rt); err != nil {
			return nil, err
		}
	}
	for _, u := range slices.Concat(p.services, backends) {
		if cfg.ServeAll || u.cfg.Annotations {
			b.derived(cfg, u)
		}
		b.broken(cfg, u)
	}
	for _, u := range backends {
		if seen := b.views[u]; seen.snap == nil {
			b.table.unread = append(b.table.unread, u.cfg.Problem("target", unavailable(u, seen.err), ""))
		}
		b.checkPort(u)
		b.checkServed(cfg, u)
	}
	return b.table, nil
}

func healthOf(t *table) map[string]*route.Health {
	out := make(map[string]*route.Health)
	if t != nil {
		for _, rt := range t.routes {
			out[rt.Config.Name] = rt.Health
		}
	}
	return out
}

type tableBuilder struct {
	table    *table
	backends []*backend
	program  *program
	health   map[string]*route.Health
	serves   map[*backend]bool // those that a route of the table goes to
	views    map[*backend]view
}

// view is what is known of an upstream's schema while a table is built: a schema may change meanwhile, and a table is built of one
// state of all of them.
type view struct {
	snap *schema.Snapshot // nil where there is none
	err  error            // of the newest attempt to read one
}

// listed adds a route of the file, in order or out of it.
func (b *tableBuilder) listed(r *config.Route) *config.Problem {
	rt := route.New(r, originOf(r), "", b.healthOf(r.Name))
	u, waiting, problem := b.backendOf(r)
	rt.AwaitsSchema = waiting
	if problem == nil {
		rt.Upstream = u.cfg.Name
		b.serves[u] = true
		snap, err := b.views[u].snap, b.views[u].err
		if snap != nil {
			rt.Config = annotated(r, u, snap)
			rt.Compile(snap, u.source, u.origin())
		} else {
			rt.AwaitsSchema = true
			problem = r.Problem("rpc", unavailable(u, err), "")
		}
	}
	if problem != nil {
		if !rt.AwaitsSchema {
			rt.Cause = "no upstream is known to serve " + r.Service
		}
		rt.Problems = config.Problems{problem}
	}
	return b.add(rt)
}

// originOf says where a listed route stands.
func originOf(r *config.Route) string {
	if at := r.Problem("", "", ""); at.File != "" {
		return fmt.Sprintf("%s:%d", at.File, at.Line)
	}
	return "config.Config"
}

// backendOf finds the upstream of a route: the one that it names, a service of this process, the only one, or the only one
// that has the service. It reports true where schemas that are not loaded yet may tell.
func (b *tableBuilder) backendOf(r *config.Route) (*backend, bool, *config.Problem) {
	if u := b.serving(r); u != nil {
		return u, false, nil
	}
	var have []*backend
	var unknown []string
	for _, u := range b.backends {
		if r.Upstream == u.cfg.Name || len(b.backends) == 1 {
			return u, false, nil
		}
		if r.Upstream != "" {
			continue
		}
		switch seen := b.views[u]; {
		case seen.snap == nil:
			unknown = append(unknown, unavailable(u, seen.err))
		case seen.snap.HasService(r.Service):
			have = append(have, u)
		}
	}
	switch {
	case len(have) == 1:
		return have[0], false, nil
	case len(have) > 1:
		return nil, false, r.Problem("rpc", fmt.Sprintf("upstreams %q and %q both have the service %s", have[0].cfg.Name,
			have[1].cfg.Name, r.Service), "say which one: `upstream: "+have[0].cfg.Name+"`")
	case len(unknown) > 0:
		return nil, true, r.Problem("rpc", "no upstream is known to have the service "+r.Service+" ("+strings.Join(unknown, "; ")+")", "")
	}
	return nil, false, r.Problem("rpc", "no upstream has the service "+r.Service, route.ServiceHint(r, b.services(r)))
}

// services lists what all upstreams have in place of the service that a route asks for.
func (b *tableBuilder) services(r *config.Route) (names []string) {
	for _, u := range b.backends {
		if snap := b.views[u].snap; snap != nil {
			_, err := snap.Method(r.Service, r.Method)
			if unknown := (*schema.UnknownService)(nil); errors.As(err, &unknown) {
				names = append(names, unknown.Have...)
			}
		}
	}
	return names
}

func (b *tableBuilder) healthOf(name string) *route.Health {
	if h := b.health[name]; h != nil {
		return h
	}
	return &route.Health{}
}

// addOf adds a route that goes to an upstream.
func (b *tableBuilder) addOf(u *backend, rt *route.Route) *config.Problem {
	problem := b.add(rt)
	b.serves[u] = b.serves[u] || problem == nil
	return problem
}

func (b *tableBuilder) add(rt *route.Route) *config.Problem {
	template, err := pathtmpl.Parse(rt.Config.Path)
	if err != nil {
		return rt.Config.Problem("path", err.Error(), "")
	}
	for _, method := range rt.Config.Methods {
		if err := b.table.router.Add(method, template, rt); err != nil {
			return rt.Config.Problem("path", err.Error(), "")
		}
	}
	b.table.routes = append(b.table.routes, rt)
	return nil
}

// serving returns the service that a route asks for, nil where none of this process has that name.
func (b *tableBuilder) serving(r *config.Route) *backend {
	if r.Upstream != "" {
		return nil
	}
	for _, u := range b.program.services {
		if b.views[u].snap.HasService(r.Service) {
			return u
		}
	}
	return nil
}
