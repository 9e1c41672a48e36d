package bridge

import (
	"net/http"

	"github.com/rs/cors"
	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

// newCORS returns what answers pages of other origins on a route; nil where it serves its own origin only. An EventSource
// never asks beforehand (Last-Event-ID is a safelisted header of the HTML standard, 9.2.2), a POST with JSON does.
func newCORS(r *config.Route) *cors.Cors {
	if r.CORS == nil {
		return nil
	}
	return cors.New(cors.Options{
		AllowedOrigins:   r.CORS.Origins,
		AllowedMethods:   r.Methods,
		AllowedHeaders:   append([]string{"Accept", "Cache-Control", "Content-Type", "Last-Event-ID"}, r.Metadata.Forward...),
		ExposedHeaders:   append([]string{"Grpc-Status"}, r.Metadata.Expose...),
		AllowCredentials: r.CORS.Credentials,
		MaxAge:           corsMaxAge,
	})
}

// corsMaxAge is how many seconds a browser may remember what it was allowed.
const corsMaxAge = 600

// checkOrigin lets pages of the route's own origin and of those that it names pass. It runs before anything of the request is
// acted upon.
func (rt *route) checkOrigin(w http.ResponseWriter, c *caller) *ending {
	if rt.cors != nil {
		rt.cors.HandlerFunc(w, c.r)
	}
	if !c.foreign() || rt.cors != nil && rt.cors.OriginAllowed(c.r) {
		return nil
	}
	return notAStream(http.StatusForbidden, codes.PermissionDenied, "the route does not serve pages of this origin")
}

// isPreflight reports whether a browser asks what a page of another origin may send.
func (c *caller) isPreflight() bool {
	return c.r.Method == http.MethodOptions && c.r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers that question.
func (b *Bridge) preflight(w http.ResponseWriter, c *caller) {
	found := b.table.Load().router.Match(c.r.Header.Get("Access-Control-Request-Method"), c.r.URL.EscapedPath(), nil)
	if found.Outcome != pathtmpl.Found || found.Value.cors == nil {
		answerHTTP(w, nil, c, notAStream(http.StatusForbidden, codes.PermissionDenied,
			"the path does not serve pages of other origins"))
		return
	}
	found.Value.cors.HandlerFunc(w, c.r)
}
