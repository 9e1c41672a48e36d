// Package route has one compiled route: how an HTTP request becomes a call of a method, how the method's messages become events,
// and what else the configuration says about its streams. It knows neither the upstream's connection nor the streams.
package route

import (
	"cmp"
	"errors"
	"time"

	"github.com/rs/cors"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// Route is one compiled route. Once it is built it does not change, but for its health, which it shares with the routes of the
// same name that were built before it.
type Route struct {
	Config   *config.Route
	Origin   string // where the route comes from: a file and line, or a schema
	Upstream string // the name of the upstream that serves the route, "" where none is known to
	// Plan is nil while the route is out of order. Problems say why.
	Plan         *Plan
	Problems     config.Problems
	Cause        string // why it is out of order, as callers are told
	AwaitsSchema bool   // the schema is all that is missing, which is said of the upstream once, and not of each route
	Warnings     config.Problems
	CORS         *cors.Cors // nil where only pages of the same origin are served
	Health       *Health
}

// New returns a route without a plan. Its configuration is r, and name is that of its upstream.
func New(r *config.Route, origin, upstream string, health *Health) *Route {
	return &Route{Config: r, Origin: origin, Upstream: upstream, Health: health, CORS: newCORS(r)}
}

// Compile makes the plan for a schema, while the route is being built. The messages come from src, which from stands for.
func (rt *Route) Compile(snap *schema.Snapshot, src source.Source, from Origin) {
	plan, problems := newPlan(rt.Config, snap)
	if plan == nil {
		_, err := snap.Method(rt.Config.Service, rt.Config.Method)
		rt.Cause = causeOf(err)
	}
	if plan != nil {
		plan.Source = src
		plan.Digest = newDigest(rt.Config, snap.Hash(), from)
	}
	rt.Plan = plan
	rt.found(problems)
	if plan != nil {
		rt.found(rt.Config.Warnings())
	}
	// What such a setting gives is not in the key of a shared stream, and would be sent on behalf of everybody.
	if mixed := rt.Config.MixedCursor(); len(mixed) > 0 {
		rt.Plan, rt.Cause = nil, cmp.Or(rt.Cause, causeOf(nil))
		rt.found(mixed)
	}
}

// found sorts problems into what takes the route out and what does not.
func (rt *Route) found(problems config.Problems) {
	for _, p := range problems {
		if p.Warning {
			rt.Warnings = append(rt.Warnings, p)
		} else {
			rt.Problems = append(rt.Problems, p)
		}
	}
}

// FirstProblem is the first reason why the route is out of order, nil where it is in order.
func (rt *Route) FirstProblem() *config.Problem {
	if len(rt.Problems) == 0 {
		return nil
	}
	return rt.Problems[0]
}

// RPC is the method behind the route, "" where there is none.
func (rt *Route) RPC() string {
	if rt.Config.Service == "" {
		return ""
	}
	return rt.Config.Service + "/" + rt.Config.Method
}

// UpstreamName is the name of the upstream that serves the route, or that the route asks for; "" where neither is known.
func (rt *Route) UpstreamName() string { return cmp.Or(rt.Upstream, rt.Config.Upstream) }

// Excuse is what the callers of a route without a plan are told.
func (rt *Route) Excuse() string {
	return cmp.Or(rt.Cause, "the schema of the route is not loaded yet")
}

// WantsHTTPStatus reports whether an error is to reach this caller as an HTTP status.
func (rt *Route) WantsHTTPStatus(req *request.Request) bool {
	return !req.EventSource || rt.Config.OpenErrors == config.OpenErrorsHTTP
}

// Backoff is how attempts to open a broken stream again are spaced.
func (rt *Route) Backoff() backoff.Policy {
	r := rt.Config.Reopen
	return backoff.Policy{Base: r.Base, Max: r.Max, Attempts: r.MaxAttempts}
}

// Types resolves what an Any in a status holds; nil where no schema is known.
func (rt *Route) Types() transcode.Resolver {
	if rt.Plan == nil {
		return nil
	}
	return rt.Plan.types
}

// End renders an ending as the last thing that a caller of this route is told.
func (rt *Route) End(final bool, e *ending.Ending) pump.End {
	return rt.Render(e.ForClient(final))
}

// Render renders an ending as an event.
func (rt *Route) Render(e *ending.Ending) pump.End {
	if e.Retry {
		return pump.NewEnd(e, rt.RetryDelay())
	}
	return pump.NewEnd(e, 0)
}

// maxRetryDelay bounds how long a browser is told to stay away from a route that fails.
const maxRetryDelay = 30 * time.Second

// RetryDelay is how long a browser should wait, before jitter: the route's own time, or as long as opens have failed
// already, so that a broken upstream is asked less and less often.
func (rt *Route) RetryDelay() time.Duration {
	return max(rt.Config.Event.Retry, min(maxRetryDelay, rt.Health.FailingFor()))
}

// causeOf is what callers may be told of a method that cannot be served: names of the schema, which they know, and nothing
// that the server or the configuration says beside that.
func causeOf(err error) string {
	var (
		broken  *schema.BrokenService
		service *schema.UnknownService
		method  *schema.UnknownMethod
		kind    *schema.NotServerStreaming
	)
	switch {
	case errors.As(err, &broken):
		return broken.Public()
	case errors.As(err, &service), errors.As(err, &method), errors.As(err, &kind):
		return err.Error()
	}
	return "the route does not fit the schema of its method"
}

// Found is what a request's path leads to.
type Found struct {
	pathtmpl.Match[*Route]

	// Pending stands for routes that a schema has yet to bring, nil where none are missing. A path that nothing matches may be one of
	// theirs.
	Pending *Route
}
