package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Authorizer is a program's own check of clients. See [WithAuthorizer].
type Authorizer interface {
	// Authorize decides whether a client may have a stream. It is called concurrently, once for each request that would open a
	// stream, a reconnect and a HEAD request included, after the `auth` of the route has let the client in. ctx ends when the
	// client leaves; Authorize should return soon then. The client waits meanwhile, so it should take milliseconds.
	//
	// A nil Grant lets the client in and says nothing about it. An error refuses the client. One with the gRPC status code
	// UNAUTHENTICATED or PERMISSION_DENIED is final: the client receives the code and the message, and a browser does not come
	// back. Every other error means that the check could not be made: the client receives UNAVAILABLE and a neutral message, a
	// browser comes back, and the first error of several in a row is logged. A panic is not recovered.
	Authorize(ctx context.Context, c Caller) (*Grant, error)
}

// AuthorizerFunc is a function that is an [Authorizer].
type AuthorizerFunc func(ctx context.Context, c Caller) (*Grant, error)

// Authorize implements [Authorizer].
func (f AuthorizerFunc) Authorize(ctx context.Context, c Caller) (*Grant, error) { return f(ctx, c) }

// Caller describes a client about whom an [Authorizer] decides.
type Caller struct {
	// Route is the name of the route.
	Route string
	// Request is the request. It lacks query parameters in which the configuration expects tokens. It must not be changed, its
	// body must not be read, and it must not be used after Authorize has returned.
	Request *http.Request
	// Subject identifies the client, as the `auth` of the route says: the `sub` of its token, or the first of the `claims` of an
	// endpoint. It is "" on a route without `auth`.
	Subject string
	claims  interface{ Claim(string) (string, bool) }
}

// Claim returns the text of a claim by the name that it has in `${claim.NAME}`. It reports false where the client does not have
// the claim, and where the claim is a list or an object.
func (c Caller) Claim(name string) (text string, ok bool) {
	if c.claims == nil {
		return "", false
	}
	return c.claims.Claim(name)
}

// Grant says what an [Authorizer] knows of a client that it lets in. It must not be changed after Authorize has returned.
type Grant struct {
	// Subject identifies the client for limits. "" keeps that of the `auth` of the route.
	Subject string
	// Claims are values for `${claim.NAME}`. They win over those of the `auth` of the route.
	Claims map[string]string
	// Expires is when the stream must be over; the zero time: never. The stream ends a little before that, at a random moment
	// within the last 30 s, with the reason [ReasonTokenExpired], and a browser comes back.
	Expires time.Time
	// Recheck is called again and again while the stream is live, on a goroutine of its own, and never twice at once for one
	// stream. An error with the code UNAUTHENTICATED or PERMISSION_DENIED ends the stream with the reason [ReasonRevoked]: a
	// browser comes back, and is refused for good if Authorize refuses it then. After every other error, and after a panic, the
	// stream goes on; the first of several in a row is logged, a panic with its value. ctx ends with the stream, and 10 s after
	// the call: Recheck must return then. [Bridge.Close] waits for it, and nothing else does. Recheck may be nil.
	Recheck func(ctx context.Context) error
	// RecheckEvery is the longest time between the beginnings of two calls of Recheck: each follows after at least four fifths of
	// it. A call that takes longer is followed by a pause of a fifth of it. 0 stands for 30 s, and at least 1 s is taken.
	RecheckEvery time.Duration
}

// WithAuthorizer makes the bridge ask a about each client that would have a stream, on every route. On a route with `auth`,
// both must let the client in. By default, and with nil, nothing is asked.
func WithAuthorizer(a Authorizer) Option {
	return optionFunc(func(o *options) { o.authorizer = a })
}

const (
	defaultRecheck = 30 * time.Second
	minRecheck     = time.Second
	recheckTimeout = 10 * time.Second
	// tellEvery is how often the log says at most that the program's check fails.
	tellEvery = 10 * time.Second
)

// authorizer makes an [Authorizer] usable for the bridge.
type authorizer struct {
	Authorizer
	log *slog.Logger

	mu   sync.Mutex
	down bool      // the log says that the check fails
	told time.Time // when the log last said so
}

var _ auth.Authorizer = (*authorizer)(nil)

// newAuthorizer returns nil for nil.
func newAuthorizer(a Authorizer, log *slog.Logger) auth.Authorizer {
	if a == nil {
		return nil
	}
	return &authorizer{Authorizer: a, log: log}
}

// Authorize implements [auth.Authorizer].
func (a *authorizer) Authorize(ctx context.Context, c auth.Caller) (*auth.Grant, *ending.Ending) {
	caller := Caller{Route: c.Route, Request: c.HTTP, Subject: plainSubject(c.Subject), claims: c.Claims}
	g, err := a.Authorizer.Authorize(ctx, caller)
	if ctx.Err() == nil {
		a.tell(err)
	}
	if err != nil {
		if end := refusedBy(err, ending.ByAuth); end != nil {
			return nil, end
		}
		return nil, ending.Refuse(ending.Unavailable, ending.ByAuth, "whether the caller may read the stream cannot be found out now")
	}
	if g == nil {
		return &auth.Grant{}, nil
	}
	out := &auth.Grant{Subject: g.Subject, Claims: g.Claims, Expires: g.Expires}
	if g.Recheck != nil {
		out.Again = max(g.RecheckEvery, minRecheck)
		if g.RecheckEvery == 0 {
			out.Again = defaultRecheck
		}
		out.Recheck = func(ctx context.Context) *ending.Ending { return a.recheck(ctx, g.Recheck) }
	}
	return out, nil
}

// recheck calls the program's function. It returns an ending where the stream must end.
func (a *authorizer) recheck(ctx context.Context, check func(context.Context) error) *ending.Ending {
	ctx, cancel := context.WithTimeout(ctx, recheckTimeout)
	defer cancel()
	err := guarded(ctx, check)
	if ctx.Err() == nil {
		a.tell(err)
	}
	end := refusedBy(err, ending.ByRevoked)
	if end == nil {
		return nil
	}
	return end.ComeBack()
}

// guarded calls a check of the program on a goroutine of the bridge, where nothing else recovers from a panic.
func guarded(ctx context.Context, check func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the function panicked: %v", p)
		}
	}()
	return check(ctx)
}

// refusedBy returns the ending for an error that refuses a client, nil for any other error.
func refusedBy(err error, by ending.Reason) *ending.Ending {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return nil
	}
	switch s.Code() {
	case codes.Unauthenticated:
		return ending.Refuse(ending.Unauthenticated, by, s.Message())
	case codes.PermissionDenied:
		return ending.Refuse(ending.PermissionDenied, by, s.Message())
	}
	return nil
}

// tell logs that the check fails, and that it succeeds again: each at most once in tellEvery.
func (a *authorizer) tell(err error) {
	failed := err != nil && refusedBy(err, ending.ByAuth) == nil
	a.mu.Lock()
	down := failed && !a.down && time.Since(a.told) >= tellEvery
	up := !failed && a.down
	if down {
		a.told = time.Now()
	}
	a.down = down || a.down && !up
	a.mu.Unlock()
	switch {
	case down:
		a.log.Warn("the program's check of clients fails", "error", err)
	case up:
		a.log.Info("the program's check of clients succeeds again")
	}
}

// plainSubject returns a subject without what distinguishes it from the subjects of other entries of `auth`.
func plainSubject(subject string) string {
	_, plain, _ := strings.Cut(subject, ":")
	return plain
}
