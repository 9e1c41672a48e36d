package auth

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// Authorizer is a check of the program, which is called after the `auth` of the route.
type Authorizer interface {
	// Authorize returns what the program knows of the caller. A refusal is an ending.
	Authorize(ctx context.Context, c Caller) (*Grant, *ending.Ending)
}

// Caller is a caller about whom an [Authorizer] decides.
type Caller struct {
	Route string
	// HTTP is the request, without tokens in the query.
	HTTP *http.Request
	// Subject and Claims are those of the `auth` of the route, "" and nil on a route without it.
	Subject string
	Claims  request.Claims
}

// Grant is what an [Authorizer] says of a caller that it lets in.
type Grant struct {
	Subject string            // "" leaves that of the route's `auth`
	Claims  map[string]string // beside those of the route's `auth`, and before them
	Expires time.Time         // the zero time: never
	Again   time.Duration     // how often Recheck is called; 0 where Recheck is nil
	Recheck func(ctx context.Context) *ending.Ending
}

// authorize asks the program about a caller. id is what the `auth` of the route says, and may be nil.
func (r *Room) authorize(
	ctx context.Context, rt *config.Route, req *request.Request, id *Identity,
) (*Identity, *ending.Ending) {
	caller := Caller{Route: rt.Name, HTTP: req.HTTP}
	if id != nil {
		caller.Subject, caller.Claims = id.Subject, id.Claims
	}
	grant, end := r.authorizer.Authorize(ctx, caller)
	if end != nil {
		return nil, end
	}
	return granted(id, grant), nil
}

// granted returns what is known of a caller to whom the program has given a grant.
func granted(id *Identity, g *Grant) *Identity {
	all := Identity{}
	if id != nil {
		all = *id
	}
	if g.Subject != "" {
		all.Subject = "program:" + g.Subject
	}
	if len(g.Claims) > 0 || all.Claims == nil {
		all.Claims = layered{maps.Clone(g.Claims), all.Claims}
	}
	if !g.Expires.IsZero() && (all.Expires.IsZero() || g.Expires.Before(all.Expires)) {
		all.Expires, all.Leeway = g.Expires, 0
	}
	if g.Recheck != nil {
		all.Again, all.Recheck = bothAgain(&all, g)
	}
	return &all
}

// bothAgain returns how often both checks of a caller are made again, where the route's `auth` has one too.
func bothAgain(id *Identity, g *Grant) (time.Duration, func(context.Context) *ending.Ending) {
	if id.Recheck == nil {
		return g.Again, g.Recheck
	}
	first := id.Recheck
	return min(id.Again, g.Again), func(ctx context.Context) *ending.Ending {
		if end := first(ctx); end != nil {
			return end
		}
		return g.Recheck(ctx)
	}
}

// layered are the claims of the program over those of the route's `auth`.
type layered struct {
	over  request.ClaimTexts
	below request.Claims // may be nil
}

// Claim implements [request.Claims].
func (l layered) Claim(name string) (string, bool) {
	if text, ok := l.over.Claim(name); ok || l.below == nil {
		return text, ok
	}
	return l.below.Claim(name)
}
