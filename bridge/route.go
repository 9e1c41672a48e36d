package bridge

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/rs/cors"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// route is one route of one table: immutable, but for the health that it shares with its predecessors.
type route struct {
	cfg    *config.Route
	origin string // where the route comes from: a file and line, or a schema
	// backend serves the route, and is nil where no upstream does; plan says how. The plan is nil while the route is out of
	// order: problems say why.
	backend  *backend
	plan     *plan
	problems config.Problems
	cause    string // why it is out of order, as callers are told
	waiting  bool   // the schema is all that is missing, which is said of the upstream once, and not of each route
	warnings config.Problems
	cors     *cors.Cors // nil where only pages of the same origin are served
	health   *health
	serving  serving
}

// compile makes the plan for a schema, while the route is being built.
func (rt *route) compile(snap *schema.Snapshot) {
	plan, problems := newPlan(rt.cfg, snap)
	if plan == nil {
		_, err := snap.Method(rt.cfg.Service, rt.cfg.Method)
		rt.cause = causeOf(err)
	}
	if plan != nil {
		plan.source = rt.backend.source
		plan.digest = newShareDigest(rt.cfg, snap.Hash(), rt.backend.origin())
	}
	rt.plan = plan
	rt.found(problems)
	if plan != nil {
		rt.found(rt.cfg.Warnings())
	}
}

// found sorts problems into what takes the route out and what does not.
func (rt *route) found(problems config.Problems) {
	for _, p := range problems {
		if p.Warning {
			rt.warnings = append(rt.warnings, p)
		} else {
			rt.problems = append(rt.problems, p)
		}
	}
}

// problem is the first reason why the route is out of order, nil where it is in order.
func (rt *route) problem() *config.Problem {
	if len(rt.problems) == 0 {
		return nil
	}
	return rt.problems[0]
}

// outOfOrder is what the callers of a route without a plan are told.
func (rt *route) outOfOrder() string {
	return cmp.Or(rt.cause, "the schema of the route is not loaded yet")
}

// wantsHTTPStatus reports whether an error is to reach this caller as an HTTP status.
func (rt *route) wantsHTTPStatus(req *request.Request) bool {
	return !req.EventSource || rt.cfg.OpenErrors == config.OpenErrorsHTTP
}

// reopening is how attempts to open a broken stream again are spaced.
func (rt *route) reopening() backoff.Policy {
	r := rt.cfg.Reopen
	return backoff.Policy{Base: r.Base, Max: r.Max, Attempts: r.MaxAttempts}
}

// types resolves what an Any in a status holds; nil where no schema is known.
func (rt *route) types() transcode.Resolver {
	if rt.plan == nil {
		return nil
	}
	return rt.plan.types
}

// last renders an ending as the last thing that a caller of this route is told.
func (rt *route) last(final bool, e *ending.Ending) pump.End {
	return rt.render(e.ForClient(final))
}

// render renders an ending as an event.
func (rt *route) render(e *ending.Ending) pump.End {
	if e.Retry {
		return pump.NewEnd(e, rt.retryDelay())
	}
	return pump.NewEnd(e, 0)
}

// maxRetryDelay bounds how long a browser is told to stay away from a route that fails.
const maxRetryDelay = 30 * time.Second

// retryDelay is how long a browser should wait, before jitter: the route's own time, or as long as opens have failed
// already, so that a broken upstream is asked less and less often.
func (rt *route) retryDelay() time.Duration {
	return max(rt.cfg.Event.Retry, min(maxRetryDelay, rt.health.failingFor()))
}

// health remembers since when a route's opens have failed. It is safe for concurrent use.
type health struct {
	since atomic.Pointer[time.Time] // nil while opens succeed
}

func (h *health) opened() {
	if h.since.Load() != nil {
		h.since.Store(nil)
	}
}

func (h *health) failed() {
	now := time.Now()
	h.since.CompareAndSwap(nil, &now)
}

func (h *health) failingFor() time.Duration {
	since := h.since.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}
