package bridge

import (
	"crypto/rand"
	"reflect"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// Source is where the events of a route come from in place of an upstream: made by [RPC] or [Func], put on a route by
// [WithRoute]. It is immutable, and may serve several routes and several bridges.
type Source struct {
	input  protoreflect.MessageDescriptor
	output protoreflect.MessageDescriptor // nil where plain Go values are sent
	value  reflect.Type                   // the type of those
	// mistake is why the source cannot serve, "" where it can.
	mistake string
	// open returns the source for one route, whose messages encode puts on the wire.
	open func(p *program, encode encoder) source
}

// WithRoute adds a route whose events come from src. All that a route in the file can say holds for it too: the request
// message is bound from path and query, ids resume, ends and errors reach the browser in the same form.
//
//	quotes := config.NewRoute("/quotes/{symbol}")
//	quotes.Event.ID = "sequence"
//	b, err := bridge.New(ctx, nil, bridge.WithRoute(quotes, bridge.RPC(client.WatchQuotes)))
//
// [New] returns everything that is wrong with such routes as [config.Problems]. The route is copied then, and may be
// changed and used again afterwards.
func WithRoute(route *config.Route, src Source) Option {
	return optionFunc(func(o *options) { o.routes = append(o.routes, sourcedRoute{cfg: route, src: src}) })
}

// sourcedRoute is what WithRoute was given.
type sourcedRoute struct {
	cfg *config.Route
	src Source
}

// route compiles the route. It is nil where problems are more than warnings.
func (s sourcedRoute) route(p *program) (*route, config.Problems) {
	if s.cfg == nil {
		return nil, config.Problems{{Path: "bridge.WithRoute", Message: "expected a route, found nil"}}
	}
	cfg := *s.cfg
	if cfg.Name == "" {
		cfg.Name = cfg.Path
	}
	problems := cfg.Validate()
	if cfg.Service != "" || cfg.Method != "" || cfg.Upstream != "" {
		problems = append(problems, cfg.Problem("rpc", "a route with a source of its own calls no upstream: expected no Service, Method or Upstream", ""))
	}
	switch {
	case s.src.open == nil:
		problems = append(problems, cfg.Problem("", "expected a source as RPC and Func make them, found none", ""))
	case s.src.mistake != "":
		problems = append(problems, cfg.Problem("", "the source of the route: "+s.src.mistake, ""))
	}
	rt := &route{cfg: &cfg, origin: "bridge.WithRoute", health: &health{}, cors: newCORS(&cfg)}
	if rt.found(problems); len(rt.problems) > 0 {
		return nil, problems
	}
	plan, found := newSourcePlan(&cfg, s.src, p)
	rt.plan = plan
	rt.found(found)
	if len(rt.problems) > 0 {
		return nil, rt.problems
	}
	return rt, nil
}

// newSourcePlan is newPlan for a route with a source of its own.
func newSourcePlan(r *config.Route, src Source, p *program) (*plan, config.Problems) {
	snap, err := schema.FromProgram()
	if err != nil {
		return nil, config.Problems{r.Problem("", err.Error(), "")}
	}
	c := &planner{route: r, plan: &plan{snapshot: snap, types: snap.Types(""), method: r.Name}}
	c.request(src.input)
	if src.input.Fields().Len() == 0 && src.input.ParentFile().Path() == "request.proto" {
		for _, p := range c.problems {
			p.Hint = "declare the request as a struct with such a field, for example struct{ ID string `json:\"id\"` }"
		}
	}
	encode := encodeMessage
	if src.output != nil {
		c.event(src.output)
	} else {
		encode = c.values(src.value)
	}
	c.cursor(src.input)
	c.plan.source = src.open(p, encode)
	c.plan.digest = newShareDigest(r, snap.Hash(), origin{registration: rand.Text()})
	return c.done()
}
