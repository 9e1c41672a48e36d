package bridge

import (
	"net/http"
	"slices"

	"github.com/rs/cors"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// newCORS returns what answers pages of other origins on a route; nil where it serves its own origin only. An EventSource
// never asks beforehand (Last-Event-ID is a safelisted header of the HTML standard, 9.2.2), a POST with JSON does.
func newCORS(r *config.Route) *cors.Cors {
	if r.CORS == nil {
		return nil
	}
	return cors.New(cors.Options{
		AllowedOrigins:   r.CORS.Origins,
		AllowedMethods:   withHead(r.Methods),
		AllowedHeaders:   slices.Concat([]string{"Accept", "Cache-Control", "Content-Type", "Last-Event-ID"}, headersRead(r), r.CORS.Headers),
		ExposedHeaders:   append([]string{"Grpc-Status"}, r.Metadata.Expose...),
		AllowCredentials: r.CORS.Credentials,
		MaxAge:           corsMaxAge,
	})
}

// corsMaxAge is how many seconds a browser may remember what it was allowed.
const corsMaxAge = 600

// isPreflight reports whether a browser asks what a page of another origin may send.
func (c *caller) isPreflight() bool {
	return c.r.Method == http.MethodOptions && c.r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers that question.
func (b *Bridge) preflight(w http.ResponseWriter, c *caller) {
	rt, _, end := b.find(w, c, c.r.Header.Get("Access-Control-Request-Method"))
	switch {
	case end != nil: // whatever a preflight is refused with, the page learns nothing of it
		end = ending.NotAStream(http.StatusForbidden, ending.PermissionDenied, end.Message)
	case rt.cors == nil:
		end = ending.NotAStream(http.StatusForbidden, ending.PermissionDenied,
			"the route does not serve pages of other origins: `cors.origins` lists none; the header Origin is "+shown(c.r.Header.Get("Origin")))
	default:
		c.leaveBody(w)
		rt.cors.HandlerFunc(w, c.r)
		return
	}
	b.answer(w, nil, c, end)
}
