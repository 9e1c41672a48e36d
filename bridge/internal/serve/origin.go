package serve

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// checkOrigin returns an answer where the request comes from a page of an origin that the route does not serve. The route
// serves the bridge's own origin and those in `cors.origins`. checkOrigin runs before anything else is done for the request.
func (h *Handler) checkOrigin(w http.ResponseWriter, rt *route.Route, req *request.Request) *ending.Ending {
	r := req.HTTP
	if rt.CORS != nil {
		rt.CORS.HandlerFunc(w, r)
	}
	foreign := req.Foreign()
	if foreign == "" || rt.CORS != nil && len(r.Header.Values("Origin")) < 2 && rt.CORS.OriginAllowed(r) {
		return nil
	}
	origin := r.Header.Get("Origin")
	h.warn.once("origin "+rt.Config.Name, origin, "a page of another origin was refused",
		"route", rt.Config.Name, "origin", request.Shorten(origin), "host", request.Shorten(r.Host), "because", foreign)
	return ending.NotAStream(http.StatusForbidden, ending.PermissionDenied,
		"the route does not serve pages of this origin: "+foreign)
}

// preflight answers a CORS preflight: the browser asks what a page of another origin may send.
func (h *Handler) preflight(w http.ResponseWriter, req *request.Request) {
	rt, _, end := h.find(w, req, req.PreflightMethod())
	switch {
	case end != nil: // the page cannot see the status of a preflight, so every refusal has the same one
		end = ending.NotAStream(http.StatusForbidden, ending.PermissionDenied, end.Message)
	case rt.CORS == nil:
		end = ending.NotAStream(http.StatusForbidden, ending.PermissionDenied,
			"the route does not serve pages of other origins: `cors.origins` lists none; "+req.OriginInWords())
	default:
		req.LeaveBody(w)
		rt.CORS.HandlerFunc(w, req.HTTP)
		return
	}
	h.answer(w, nil, req, end)
}
