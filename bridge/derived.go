package bridge

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// derived adds the routes that an upstream's schema brings: every method's, or those that annotations ask for.
func (b *tableBuilder) derived(cfg *config.Config, u *backend) {
	snap, _ := u.schema()
	if snap == nil {
		b.table.pending = &route{cfg: cfg.Defaults, health: &health{}, cors: newCORS(cfg.Defaults)}
		return
	}
	for _, m := range snap.Streaming() {
		if cfg.ServeAll {
			path := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
			b.derive(cfg.Defaults, u, m, schema.Binding{Path: path}, "schema of "+u.cfg.Name)
			continue
		}
		if lists(cfg.Routes, m) {
			continue // the file wins: whoever lists a method decides where it is served, and to whom
		}
		for _, binding := range schema.Bindings(m) {
			b.derive(cfg.Defaults, u, m, binding, "annotation of "+string(m.FullName()))
		}
	}
}

// derive adds one route that stands in no file. Where another one has its path already, that one stays.
func (b *tableBuilder) derive(defaults *config.Route, u *backend, m protoreflect.MethodDescriptor, at schema.Binding, origin string) {
	r := *defaults
	r.Service, r.Method = string(m.Parent().FullName()), string(m.Name())
	r.Name, r.Path, r.Upstream = at.Path, at.Path, u.cfg.Name
	if at.Data != "" {
		r.Event.Data = at.Data
	}
	snap, _ := u.schema()
	marked := annotated(&r, u, snap)
	rt := &route{cfg: marked, origin: origin, backend: u, health: b.healthOf(r.Name), cors: newCORS(marked)}
	rt.compile(snap)
	if problem := b.add(rt); problem != nil {
		warning := u.cfg.Problem("annotations", origin+": "+problem.Message, "")
		warning.Warning = true
		b.table.problems = append(b.table.problems, warning)
	}
}

// lists reports whether the file has a route of its own for a method.
func lists(routes []*config.Route, m protoreflect.MethodDescriptor) bool {
	for _, r := range routes {
		if r.Service == string(m.Parent().FullName()) && r.Method == string(m.Name()) {
			return true
		}
	}
	return false
}

// annotated returns the route with the id and the name that its message's own options mark, where the upstream's
// annotations count and the route says nothing else.
func annotated(r *config.Route, u *backend, snap *schema.Snapshot) *config.Route {
	if !u.cfg.Annotations {
		return r
	}
	m, err := snap.Method(r.Service, r.Method)
	if err != nil {
		return r // compiling it says so
	}
	marked := *r
	id, name := schema.EventFields(m.Output())
	if marked.Event.ID == "" {
		marked.Event.ID = id
	}
	if marked.Event.Name == "" && marked.Event.NameConst == "" {
		marked.Event.Name = name
	}
	return &marked
}
