package route

import (
	"net/http"
	"slices"

	"github.com/rs/cors"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// newCORS returns what answers pages of other origins on a route; nil where it serves its own origin only. An EventSource
// never asks beforehand (Last-Event-ID is a safelisted header of the HTML standard, 9.2.2), a POST with JSON does.
func newCORS(r *config.Route) *cors.Cors {
	if r.CORS == nil {
		return nil
	}
	return cors.New(cors.Options{
		AllowedOrigins:   r.CORS.Origins,
		AllowedMethods:   WithHead(r.Methods),
		AllowedHeaders:   slices.Concat([]string{"Accept", "Cache-Control", "Content-Type", "Last-Event-ID"}, HeadersRead(r), r.CORS.Headers),
		ExposedHeaders:   append([]string{"Grpc-Status"}, r.Metadata.Expose...),
		AllowCredentials: r.CORS.Credentials,
		MaxAge:           corsMaxAge,
	})
}

// corsMaxAge is how many seconds a browser may remember what it was allowed.
const corsMaxAge = 600

// WithHead adds HEAD, which every route answers, to the methods that a path allows.
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
