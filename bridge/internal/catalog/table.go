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

// setup is what one configuration brings: the file, and its upstreams at run time. It does not change.
type setup struct {
	cfg      *config.Config
	backends []*backend
}

// uses reports whether one of the upstreams is the server.
func (s *setup) uses(this *server) bool {
	return slices.ContainsFunc(s.backends, func(u *backend) bool { return u.server == this })
}

// table holds all routes at one moment. It follows from the configuration, the program's own routes and the schemas, takes the
// health of routes over from the table before, and does not change. When a
// schema changes, a new table replaces it; open streams keep the route with which they began.
type table struct {
	setup  *setup
	router *pathtmpl.Router[*route.Route]
	routes []*route.Route
	// problems are the problems of upstreams and their annotations. The problems of routes are in the routes. A route that the
	// file lists is served in spite of problems here.
	problems config.Problems
	// read has the upstreams whose schema the routes were compiled against.
	read map[*backend]bool
	// pending is a route that is out of order. It is set while a schema is missing from which routes would follow. A request whose
	// path matches no route is then answered by pending: after a 404, an EventSource would give up for good.
	pending *route.Route
	// unread are the problems of upstreams whose schema could not be read.
	unread     config.Problems
	generation uint64         // the number of tables that were built before
	ofProgram  []*route.Route // those of routes that the program itself brings, in its order
	// withoutRoute are editions that may have open streams, and no route in the table.
	withoutRoute []formerEdition
}

// newTable compiles every route against the schemas that are loaded. The new routes take over the health of those in old, and
// those that are the same the edition.
func newTable(s *setup, p *program, old *table) (*table, *config.Problem) {
	cfg, backends := s.cfg, s.backends
	b := &tableBuilder{
		table:    &table{setup: s, router: pathtmpl.NewRouter[*route.Route](), read: map[*backend]bool{}},
		cfg:      cfg,
		backends: backends,
		program:  p,
		health:   healthOf(old),
		editions: editionsOf(old, s),
		serves:   map[*backend]bool{},
		views:    map[*backend]view{},
	}
	if old != nil {
		b.table.generation = old.generation + 1
	}
	for _, u := range slices.Concat(p.services, backends) {
		snap, err := u.schema()
		b.views[u] = view{snap, err}
		b.table.read[u] = snap != nil
	}
	for _, r := range cfg.Routes {
		if err := b.addListed(r); err != nil {
			return nil, err
		}
	}
	if err := b.addOwn(old); err != nil {
		return nil, err
	}
	for _, u := range slices.Concat(p.services, backends) {
		if cfg.ServeAll || u.cfg.Annotations {
			b.addDerived(cfg, u)
		}
		b.addBroken(cfg, u)
	}
	for _, u := range backends {
		if seen := b.views[u]; seen.snap == nil {
			b.table.unread = append(b.table.unread, u.cfg.Problem("target", unavailable(u, seen.err), ""))
		}
		b.checkPort(u)
		b.checkServed(cfg, u)
	}
	b.table.withoutRoute = b.editions.left(b.table.routes)
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
	cfg      *config.Config
	backends []*backend
	program  *program
	health   map[string]*route.Health
	editions editions
	serves   map[*backend]bool // backends that have a route in the table
	views    map[*backend]view
}

// view is the state of an upstream's schema when the building of a table began. A schema may change meanwhile, and a table uses
// one state of each.
type view struct {
	snap *schema.Snapshot // nil where no schema is loaded
	err  error            // the error of the newest attempt to load a schema
}

// addListed adds a route of the configuration, even if it is out of order.
func (b *tableBuilder) addListed(r *config.Route) *config.Problem {
	rt := route.New(r, &b.cfg.Auth, originOf(r), "", b.healthOf(r.Name))
	u, waiting, problem := b.backendOf(r)
	b.identify(rt, u)
	rt.AwaitsSchema = waiting
	if problem == nil {
		rt.Upstream = u.cfg.Name
		b.serves[u] = true
		snap, err := b.views[u].snap, b.views[u].err
		if snap != nil {
			rt.Config = annotated(r, u, snap)
			rt.Compile(snap, u.source, u.provider())
		} else {
			rt.AwaitsSchema = true
			problem = r.Problem("rpc", unavailable(u, err), "")
		}
	}
	if problem != nil {
		if !rt.AwaitsSchema {
			rt.PublicCause = "no upstream is known to serve " + r.Service
		}
		rt.Problems = config.Problems{problem}
	}
	return b.add(rt)
}

// addOwn adds the routes of the program.
func (b *tableBuilder) addOwn(old *table) (problem *config.Problem) {
	if b.table.ofProgram, problem = b.program.routesFor(&b.cfg.Auth, old); problem != nil {
		return problem
	}
	for _, rt := range b.table.ofProgram {
		if problem := b.add(rt); problem != nil {
			return problem
		}
	}
	return nil
}

// originOf returns where a route of the configuration is defined.
func originOf(r *config.Route) string {
	if at := r.Problem("", "", ""); at.File != "" {
		return fmt.Sprintf("%s:%d", at.File, at.Line)
	}
	return "config.Config"
}

// backendOf returns the upstream of a route: the one that the route names, a service of this process, the only upstream, or the
// only upstream that has the service. unknown reports that a schema which is not loaded yet may decide.
func (b *tableBuilder) backendOf(r *config.Route) (u *backend, unknown bool, problem *config.Problem) {
	if u := b.programService(r); u != nil {
		return u, false, nil
	}
	var have []*backend
	var unavailables []string
	for _, u := range b.backends {
		if r.Upstream == u.cfg.Name || len(b.backends) == 1 {
			return u, false, nil
		}
		if r.Upstream != "" {
			continue
		}
		switch seen := b.views[u]; {
		case seen.snap == nil:
			unavailables = append(unavailables, unavailable(u, seen.err))
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
	case len(unavailables) > 0:
		return nil, true, r.Problem("rpc",
			"no upstream is known to have the service "+r.Service+" ("+strings.Join(unavailables, "; ")+")", "")
	}
	return nil, false, r.Problem("rpc", "no upstream has the service "+r.Service, route.ServiceHint(r, b.services(r)))
}

// services returns the names of the services of all upstreams that do not have the service of a route.
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
	h := b.health[name]
	if h == nil {
		h = &route.Health{}
		b.health[name] = h
	}
	return h
}

// addOf adds a route of an upstream.
func (b *tableBuilder) addOf(u *backend, rt *route.Route) *config.Problem {
	problem := b.add(rt)
	b.serves[u] = b.serves[u] || problem == nil
	return problem
}

// add adds a route. The problem says why the path cannot be used.
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

// programService returns the service of this process that a route calls, nil where there is none of that name.
func (b *tableBuilder) programService(r *config.Route) *backend {
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
