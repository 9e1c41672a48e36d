package catalog

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// addDerived adds the routes that follow from the schema of an upstream: one for each method, or those in annotations.
func (b *tableBuilder) addDerived(cfg *config.Config, u *backend) {
	snap := b.views[u].snap
	if snap == nil {
		b.table.pending = route.New(cfg.Defaults, &cfg.Auth, "", "", &route.Health{})
		return
	}
	for _, m := range snap.Streaming() {
		if cfg.ServeAll {
			path := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
			b.addMethod(cfg.Defaults, u, m, schema.Binding{Path: path}, "schema of "+u.cfg.Name)
			continue
		}
		if lists(cfg.Routes, m) {
			continue // the routes of the file replace those of annotations
		}
		for _, binding := range schema.Bindings(m) {
			b.addMethod(cfg.Defaults, u, m, binding, "annotation of "+string(m.FullName()))
		}
		for _, rule := range schema.UnservedRules(m) {
			b.warn(&config.Problem{Path: placeOf(m), Message: "the google.api.http rule `" + rule +
				"` is passed over: only GET rules are served; list the method under `routes` to serve it"})
		}
	}
}

// addMethod adds one route that follows from a schema. If another route has the same path already, the other route stays.
func (b *tableBuilder) addMethod(
	defaults *config.Route, u *backend, m protoreflect.MethodDescriptor, at schema.Binding, origin string,
) {
	r := *defaults
	r.Service, r.Method = string(m.Parent().FullName()), string(m.Name())
	r.Name, r.Path, r.Upstream = at.Path, at.Path, u.cfg.Name
	if at.Data != "" {
		r.Event.Data = at.Data
	}
	snap := b.views[u].snap
	rt := route.New(&r, &b.cfg.Auth, origin, u.cfg.Name, b.healthOf(r.Name))
	b.identify(rt, u)
	rt.Config = annotated(&r, u, snap)
	rt.Compile(snap, u.source, u.provider())
	if !strings.HasPrefix(origin, "schema") {
		place(rt.Problems, m)
		place(rt.Warnings, m)
	}
	if problem := b.addOf(u, rt); problem != nil {
		b.warn(u.cfg.Problem("annotations", origin+": "+problem.Message, ""))
	}
}

// placeOf returns the place of a method's annotations, for problems.
func placeOf(m protoreflect.MethodDescriptor) string {
	return m.ParentFile().Path() + ": annotation of " + string(m.FullName())
}

// place makes the problems of a route that comes from an annotation point to the annotation. The positions that they have are
// those of `defaults`, whose settings the route uses.
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

// annotated returns a route with the fields for ids and names that the options of its message mark. It changes nothing where
// the annotations of the upstream are not used, or where the route itself says which fields to use.
func annotated(r *config.Route, u *backend, snap *schema.Snapshot) *config.Route {
	if !u.cfg.Annotations {
		return r
	}
	m, err := snap.Method(r.Service, r.Method)
	if err != nil {
		return r // Compile reports the error
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
