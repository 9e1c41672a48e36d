// Package route compiles routes. A compiled route says how an HTTP request becomes a call of a method, how the messages of the
// method become events, and what else the configuration says about the streams. The package knows neither the connections to
// the upstreams nor the open streams.
package route

import (
	"cmp"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/cors"
	"google.golang.org/protobuf/reflect/protoreflect"

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

// Route is one compiled route. Once it is built, it does not change, except for its Health and its Edition. A route that is built
// again after a change of its schema keeps the Health of the route of the same name, and its Edition.
type Route struct {
	Config   *config.Route
	Origin   string // where the route is defined: a file and line, a schema, an annotation, or bridge.WithRoute
	Upstream string // the name of the upstream that serves the route, "" while the upstream is unknown
	// Plan is nil while the route is out of order. Problems say why.
	Plan     *Plan
	Problems config.Problems
	// PublicCause is the reason why the route is out of order, in a form that callers may see. It may be "".
	PublicCause string
	// AwaitsSchema means that only the schema is missing. That is a problem of the upstream, and not of each of its routes.
	AwaitsSchema bool
	Warnings     config.Problems
	CORS         *cors.Cors // nil where only pages of the same origin are served
	Health       *Health
	Edition      *Edition
	// Content identifies what the configuration says about the route. See [ContentOf].
	Content Digest

	auth *config.Auth // has what decides about the callers
}

// New returns a route without a plan. auth is that of the configuration. The other arguments become the fields of the same names.
func New(r *config.Route, auth *config.Auth, origin, upstream string, health *Health) *Route {
	return &Route{
		Config: r, Origin: origin, Upstream: upstream, Health: health, Edition: &Edition{}, CORS: newCORS(r, auth), auth: auth,
	}
}

// Compile makes the plan of the route for a schema, or adds the problems. It may be called only while the route is being built.
// src opens the streams, and from identifies src.
func (rt *Route) Compile(snap *schema.Snapshot, src source.Source, from Provider) {
	plan, problems := newPlan(rt.Config, snap)
	if plan == nil {
		_, err := snap.Method(rt.Config.Service, rt.Config.Method)
		rt.PublicCause = causeOf(err)
	}
	if plan != nil {
		plan.Source = src
		plan.Digest = newDigest(rt.Config, rt.auth, snap.Hash(), from)
	}
	rt.Plan = plan
	rt.addProblems(problems)
	if plan != nil {
		rt.addProblems(rt.Config.Warnings())
	}
	// The value of such a setting is not part of the key of a shared stream, so one caller's value would be used for all callers.
	if mixed := rt.Config.MixedCursor(); len(mixed) > 0 {
		rt.Plan, rt.PublicCause = nil, cmp.Or(rt.PublicCause, causeOf(nil))
		rt.addProblems(mixed)
	}
}

// addProblems adds problems to Problems, and warnings to Warnings.
func (rt *Route) addProblems(problems config.Problems) {
	for _, p := range problems {
		if p.Warning {
			rt.Warnings = append(rt.Warnings, p)
		} else {
			rt.Problems = append(rt.Problems, p)
		}
	}
}

// FirstProblem returns the first reason why the route is out of order, nil where the route is in order.
func (rt *Route) FirstProblem() *config.Problem {
	if len(rt.Problems) == 0 {
		return nil
	}
	return rt.Problems[0]
}

// RPC returns the method behind the route in the form package.Service/Method, "" for a route with a source of its own.
func (rt *Route) RPC() string {
	if rt.Config.Service == "" {
		return ""
	}
	return rt.Config.Service + "/" + rt.Config.Method
}

// Descriptor returns the method behind the route, nil while the route has no plan, and for a route with a source of its own.
func (rt *Route) Descriptor() protoreflect.MethodDescriptor {
	if rt.Plan == nil {
		return nil
	}
	return rt.Plan.descriptor
}

// UpstreamName returns the name of the upstream that serves the route, or else the name in the configuration of the route. It
// returns "" where neither is known.
func (rt *Route) UpstreamName() string { return cmp.Or(rt.Upstream, rt.Config.Upstream) }

// Refusal returns the message for the callers of a route without a plan.
func (rt *Route) Refusal() string {
	return cmp.Or(rt.PublicCause, "the schema of the route is not loaded yet")
}

// WantsHTTPStatus reports whether the sender of req must receive an error as an HTTP status, and not as an event.
func (rt *Route) WantsHTTPStatus(req *request.Request) bool {
	return !req.EventSource || rt.Config.OpenErrors == config.OpenErrorsHTTP
}

// Backoff returns how long to wait between attempts to open a broken stream again.
func (rt *Route) Backoff() backoff.Policy {
	r := rt.Config.Reopen
	return backoff.Policy{Base: r.Base, Max: r.Max, Attempts: r.MaxAttempts}
}

// Types returns the resolver for types in the details of a status, nil while the route has no plan.
func (rt *Route) Types() transcode.Resolver {
	if rt.Plan == nil {
		return nil
	}
	return rt.Plan.types
}

// End renders an ending as the last event of a caller. once says that the caller must not repeat its request by itself.
func (rt *Route) End(once bool, e *ending.Ending) pump.End {
	return rt.Render(e.ForClient(once))
}

// Render renders an ending as the last event of a stream, for callers that may repeat their request.
func (rt *Route) Render(e *ending.Ending) pump.End {
	if e.Retry {
		return pump.NewEnd(e, rt.RetryDelay())
	}
	return pump.NewEnd(e, 0)
}

// maxRetryDelay bounds how long a browser must wait before it comes back to a route that fails.
const maxRetryDelay = 30 * time.Second

// RetryDelay returns how long a browser should wait before it comes back, without jitter. It is the `event.retry` of the route,
// or the time for which opens have failed, so that a broken upstream is called less and less often.
func (rt *Route) RetryDelay() time.Duration {
	return max(rt.Config.Event.Retry, min(maxRetryDelay, rt.Health.FailingFor()))
}

// causeOf returns why a method cannot be served, in a form that callers may see. It has only names of the schema, which callers
// know, and no other text of the server or the configuration.
func causeOf(err error) string {
	var (
		broken  *schema.BrokenService
		service *schema.UnknownService
		method  *schema.UnknownMethod
		kind    *schema.NotServerStreaming
	)
	switch {
	case errors.As(err, &broken):
		return broken.PublicMessage()
	case errors.As(err, &service), errors.As(err, &method), errors.As(err, &kind):
		return err.Error()
	}
	return "the route does not fit the schema of its method"
}

// Match is the result of looking up the path of a request.
type Match struct {
	pathtmpl.Match[*Route]

	// Pending is not nil where the routes of a schema are missing because the schema is not loaded yet. A path that no route
	// matches may belong to a missing route, so its request is answered by Pending, which is out of order.
	Pending *Route
}

// Edition is one route as one configuration describes it. The routes that are compiled for later schemas have the same Edition,
// and so have those of a later configuration that describes the route in the same way. A reload that changes or removes the
// route retires its Edition. All methods may be called concurrently.
type Edition struct {
	drainBy atomic.Pointer[time.Time] // nil while the edition is not retired
}

// Retire says that the streams of the edition end, the last one before the time by. Further calls change nothing.
func (e *Edition) Retire(by time.Time) { e.drainBy.CompareAndSwap(nil, &by) }

// Retired reports whether the edition is retired, and the time by which its last stream must have ended.
func (e *Edition) Retired() (by time.Time, retired bool) {
	if at := e.drainBy.Load(); at != nil {
		return *at, true
	}
	return time.Time{}, false
}
