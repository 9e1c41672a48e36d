package route

import (
	"net/http"
	"slices"

	"github.com/rs/cors"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// newCORS returns the CORS rules of a route, nil where the route serves only pages of the bridge's own origin. An EventSource
// never sends a preflight, since Last-Event-ID is a safelisted header (HTML standard, 9.2.2). A POST with JSON causes a
// preflight.
func newCORS(r *config.Route, auth *config.Auth) *cors.Cors {
	if r.CORS == nil {
		return nil
	}
	return cors.New(cors.Options{
		AllowedOrigins:   r.CORS.Origins,
		AllowedMethods:   WithHead(r.Methods),
		AllowedHeaders:   slices.Concat(basicHeaders(), HeadersRead(r), credentialHeaders(r, auth), r.CORS.Headers),
		ExposedHeaders:   append([]string{"Grpc-Status"}, r.Metadata.Expose...),
		AllowCredentials: r.CORS.Credentials,
		MaxAge:           corsMaxAge,
	})
}

// corsMaxAge is how many seconds a browser may keep the answer to a preflight.
const corsMaxAge = 600

// basicHeaders are the request headers that a page of another origin may set on every route.
func basicHeaders() []string {
	return []string{"Accept", "Cache-Control", "Content-Type", "Last-Event-ID"}
}

// WithHead returns methods with HEAD after GET: every route that serves GET also answers HEAD.
func WithHead(methods []string) []string {
	var out []string
	for _, m := range methods {
		out = append(out, m)
		if m == http.MethodGet {
			out = append(out, http.MethodHead)
		}
	}
	return out
}
