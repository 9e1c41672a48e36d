package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// Room decides who may read the streams of which route. All methods may be called concurrently.
type Room struct {
	log        *slog.Logger
	authorizer Authorizer // nil where the program has none
	transport  *http.Transport
	rules      atomic.Pointer[rules]

	ctx     context.Context // ends all that the room has started
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool // no check of a caller begins any more
}

// enter counts a check of a caller as running, for which [Room.Wait] waits. It reports false where no check begins any more.
// Where it reports true, running.Done must be called once.
func (r *Room) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.running.Add(1)
	}
	return !r.closed
}

// New returns a room for a configuration. It reads keys in files, and starts to load all others, again and again until ctx
// ends. authorizer may be nil.
func New(ctx context.Context, cfg *config.Auth, authorizer Authorizer, log *slog.Logger) (*Room, config.Problems) {
	r := &Room{ctx: ctx, log: log, authorizer: authorizer, transport: newTransport(4)}
	built, fresh, problems := r.build(cfg, &rules{})
	if len(problems) > 0 {
		return nil, problems
	}
	r.start(fresh)
	r.rules.Store(built)
	return r, nil
}

// CheckFiles returns the problems of keys in files.
func CheckFiles(cfg *config.Auth) (problems config.Problems) {
	for _, j := range cfg.JWT {
		if j.JWKSFile == "" {
			continue
		}
		if _, err := loadFile(j.JWKSFile); err != nil {
			problems = append(problems, fileProblem(j, err))
		}
	}
	return problems
}

// Ready waits until the first attempt to load the keys of each issuer has ended. Where the configuration is replaced meanwhile, it
// waits for the new issuers. It returns the cause of ctx if ctx ends before that, and an error when closed is closed.
func (r *Room) Ready(ctx context.Context, closed <-chan struct{}) error {
	for {
		now := r.rules.Load()
		if err := now.awaitTried(ctx, closed); err != nil || r.rules.Load() == now {
			return err
		}
	}
}

// awaitTried waits until the first attempt to load the keys of each issuer has ended.
func (r *rules) awaitTried(ctx context.Context, closed <-chan struct{}) error {
	for _, i := range r.issuers {
		select {
		case <-i.ring.tried:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-closed:
			return errors.New("the bridge is closed")
		}
	}
	return nil
}

// Wait waits until everything has returned that the room has started, and closes idle connections. The context of
// [New] must have ended.
func (r *Room) Wait() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, e := range r.rules.Load().endpoints {
		e.close()
	}
	r.running.Wait()
	r.transport.CloseIdleConnections()
}

// Problems returns the issuers whose keys could not be loaded yet, as problems of their entries.
func (r *Room) Problems() (problems config.Problems) {
	for _, i := range r.rules.Load().issuers {
		if err := i.ring.problem(); err != nil {
			problems = append(problems, i.problem(err))
		}
	}
	return problems
}

// RouteProblem returns why no caller of a route can be authenticated now, nil where that is possible.
func (r *Room) RouteProblem(rt *config.Route) *config.Problem {
	if rt.Auth == nil || rt.Auth.JWT == "" {
		return nil
	}
	i := r.rules.Load().issuers[rt.Auth.JWT]
	if i == nil || i.ring.current() != nil {
		return nil
	}
	err := i.ring.problem()
	if err == nil {
		err = errors.New("the keys that verify tokens are not loaded yet")
	}
	return rt.Problem("auth.jwt", i.problem(err).Message, "")
}

// Warn returns how long before the end of its credentials a caller is told of the end, 0 for never.
func (r *Room) Warn() time.Duration { return r.rules.Load().warn }

// HiddenParameters returns the names of the query parameters with tokens, for a route, or for a request without a route where
// rt is nil. They must not be bound, forwarded or logged.
func (r *Room) HiddenParameters(rt *config.Route) []string {
	now := r.rules.Load()
	switch {
	case rt == nil:
		return now.queries
	case rt.Auth == nil || len(now.queries) == 0:
		return nil
	}
	if i := now.issuers[rt.Auth.JWT]; i != nil {
		return queryNames(i.cfg)
	}
	return nil
}

// Authenticate returns who the caller of a route is, or why the caller may not read the route's streams. The identity is nil
// for a route that anybody may read.
func (r *Room) Authenticate(ctx context.Context, rt *config.Route, req *request.Request) (*Identity, *ending.Ending) {
	id, end := r.identify(ctx, rt.Auth, req)
	if end == nil && rt.Auth != nil {
		end = lacking(id, rt.Auth.Require)
	}
	if end == nil && r.authorizer != nil {
		id, end = r.authorize(ctx, rt, req, id)
	}
	if end != nil {
		return nil, end
	}
	return id, nil
}

// identify returns who a caller is, by a token or by the answer of an endpoint.
func (r *Room) identify(ctx context.Context, by *config.RouteAuth, req *request.Request) (*Identity, *ending.Ending) {
	now := r.rules.Load()
	switch {
	case by == nil:
		return nil, nil
	case by.JWT != "":
		if i := now.issuers[by.JWT]; i != nil {
			return i.identify(ctx, req)
		}
	default:
		if e := now.endpoints[by.Ask]; e != nil {
			return e.identify(ctx, req)
		}
	}
	// The route is of an earlier configuration, and the caller comes back to the new one.
	return nil, ending.Refuse(ending.Unavailable, ending.ByRoute, "the configuration of the bridge has just changed")
}

// identify returns who the caller with a token is.
func (i *issuer) identify(ctx context.Context, req *request.Request) (*Identity, *ending.Ending) {
	token, from, refusal := findToken(req.Head.Header, req.Query(), i.cfg.From)
	switch {
	case refusal != "":
		return nil, unauthenticated(refusal)
	case token == "":
		return nil, unauthenticated("expected a token, found none")
	}
	v, end := i.verify(ctx, token, time.Now())
	if end != nil {
		return nil, end
	}
	id := &Identity{Claims: v.claims, Expires: v.expires, Leeway: i.cfg.Leeway, From: from}
	if v.subject != "" {
		id.Subject = "jwt." + i.cfg.Name + ":" + v.subject
	}
	return id, nil
}

// listClaims are claims of which some may be lists.
type listClaims interface {
	has(name, value string) bool
}

// lacking returns an ending where the caller lacks a claim.
func lacking(id *Identity, required []config.Requirement) *ending.Ending {
	for _, want := range required {
		has := false
		if lists, ok := id.Claims.(listClaims); ok {
			has = lists.has(want.Claim, want.Value)
		} else if text, ok := id.Claims.Claim(want.Claim); ok {
			has = text == want.Value
		}
		if !has {
			return ending.Refuse(ending.PermissionDenied, ending.ByAuth,
				"the claim "+want.Claim+" of the caller is not what the route requires")
		}
	}
	return nil
}

// problem returns the problem of an issuer whose keys cannot be loaded.
func (i *issuer) problem(err error) *config.Problem {
	key := "issuer"
	if i.cfg.JWKSURL != "" {
		key = "jwks_url"
	}
	return i.cfg.Problem(key, "the keys that verify tokens cannot be loaded: "+err.Error(), "")
}

// aboutRequest returns the headers that tell an endpoint about the request that it decides about. The host is the one that the
// browser asked for, also behind a trusted proxy that rewrites Host.
func aboutRequest(r *request.Request) http.Header {
	return http.Header{
		"X-Forwarded-Method": {r.HTTP.Method}, "X-Forwarded-Host": {r.Host()}, "X-Forwarded-Uri": {r.HTTP.URL.RequestURI()},
	}
}

// forwarded returns the headers of a request that an endpoint gets.
func forwarded(h http.Header, names []string) http.Header {
	out := http.Header{}
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if values := h[name]; len(values) > 0 {
			out[name] = slices.Clone(values)
		}
	}
	return out
}
