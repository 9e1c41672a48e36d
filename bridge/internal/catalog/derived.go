package catalog

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// derived adds the routes that an upstream's schema brings: every method's, or those that annotations ask for.
func (b *tableBuilder) derived(cfg *config.Config, u *backend) {
	snap := b.views[u].snap
	if snap == nil {
		b.table.pending = route.New(cfg.Defaults, "", "", &route.Health{})
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
		for _, rule := range schema.PassedOver(m) {
			b.table.problems = append(b.table.problems, &config.Problem{
				Path:    placeOf(m),
				Message: "the google.api.http rule `" + rule + "` is passed over: only GET rules are served; list the method under `routes` to serve it",
				Warning: true,
			})
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
	snap := b.views[u].snap
	marked := annotated(&r, u, snap)
	rt := route.New(marked, origin, u.cfg.Name, b.healthOf(r.Name))
	rt.Compile(snap, u.source, u.origin())
	if !strings.HasPrefix(origin, "schema") {
		place(rt.Problems, m)
		place(rt.Warnings, m)
	}
	if problem := b.addOf(u, rt); problem != nil {
		warning := u.cfg.Problem("annotations", origin+": "+problem.Message, "")
		warning.Warning = true
		b.table.problems = append(b.table.problems, warning)
	}
}

// placeOf says where a method's annotations stand.
func placeOf(m protoreflect.MethodDescriptor) string {
	return m.ParentFile().Path() + ": annotation of " + string(m.FullName())
}

// place makes problems of a route that an annotation brings point there: the route stands in no file, and its keys are those
// of `defaults`.
func place(problems config.Problems, m protoreflect.MethodDescriptor) {
	for i, p := range problems {
		message := p.Message
		if key := strings.TrimPrefix(strings.TrimPrefix(p.Path, "defaults"), "."); key != "" {
			message = key + ": " + message
		}
		problems[i] = &config.Problem{Path: placeOf(m), Message: message, Hint: p.Hint, Warning: p.Warning}
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
