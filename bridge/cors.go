package bridge

import (
	"net/http"
	"slices"

	"github.com/rs/cors"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
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

// checkOrigin lets pages of the bridge's own origin and of those that the route names pass. It runs before anything of the
// request is acted upon.
func (b *Bridge) checkOrigin(w http.ResponseWriter, rt *route, req *request.Request) *ending.Ending {
	r := req.HTTP
	if rt.cors != nil {
		rt.cors.HandlerFunc(w, r)
	}
	foreign := req.Foreign()
	if foreign == "" || rt.cors != nil && len(r.Header.Values("Origin")) < 2 && rt.cors.OriginAllowed(r) {
		return nil
	}
	origin := r.Header.Get("Origin")
	b.warn.once("origin "+rt.cfg.Name, origin, "a page of another origin was refused",
		"route", rt.cfg.Name, "origin", request.Shorten(origin), "host", request.Shorten(r.Host), "because", foreign)
	return ending.NotAStream(http.StatusForbidden, ending.PermissionDenied,
		"the route does not serve pages of this origin: "+foreign)
}

// preflight answers a browser that asks what a page of another origin may send.
func (b *Bridge) preflight(w http.ResponseWriter, req *request.Request) {
	rt, _, end := b.find(w, req, req.PreflightMethod())
	switch {
	case end != nil: // whatever a preflight is refused with, the page learns nothing of it
		end = ending.NotAStream(http.StatusForbidden, ending.PermissionDenied, end.Message)
	case rt.cors == nil:
		end = ending.NotAStream(http.StatusForbidden, ending.PermissionDenied,
			"the route does not serve pages of other origins: `cors.origins` lists none; "+req.OriginInWords())
	default:
		req.LeaveBody(w)
		rt.cors.HandlerFunc(w, req.HTTP)
		return
	}
	b.answer(w, nil, req, end)
}
