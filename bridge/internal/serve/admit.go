package serve

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// read reads the head of a request. Until its route is known, no query parameter is visible in which any route expects a token.
func (h *Handler) read(server *serverSettings, r *http.Request) *request.Request {
	req := request.NewBehind(server.proxies, r)
	req.HideParameters(h.auth.HiddenParameters(nil))
	h.begin(req)
	return req
}

// misdirected answers a request for a host that is not in `server.hosts`.
func (h *Handler) misdirected(w http.ResponseWriter, req *request.Request) {
	host := req.Host()
	why := h.server.Load().hosts.Refusal(host)
	h.warn.once("host", host, "a request for a host that is not served was refused", "because", why, "host", request.Shorten(host))
	h.answer(w, nil, req, ending.NotAStream(http.StatusMisdirectedRequest, ending.PermissionDenied, why))
}

// match returns the route of a request and the values of its path variables. Where no route matches, it returns the answer.
func (h *Handler) match(w http.ResponseWriter, req *request.Request) (*route.Route, []string, *ending.Ending) {
	rt, variables, end := h.find(w, req, req.HTTP.Method)
	if rt != nil && req.Span != nil {
		req.Span.SetRoute(routeOf(rt))
	}
	return rt, variables, end
}

// find does the same as match, for a method that may differ from that of the request.
func (h *Handler) find(w http.ResponseWriter, req *request.Request, method string) (*route.Route, []string, *ending.Ending) {
	asked := method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	match := h.routes.Match(method, req.HTTP.URL.EscapedPath())
	switch match.Outcome {
	case pathtmpl.Found:
		return match.Value, match.Variables, nil
	case pathtmpl.MethodNotAllowed:
		w.Header().Set("Allow", strings.Join(route.WithHead(match.Allowed), ", "))
		return nil, nil, ending.NotAStream(http.StatusMethodNotAllowed, ending.Unimplemented,
			"the path has no stream for the method "+request.Quote(asked))
	case pathtmpl.Malformed:
		return nil, nil, ending.NotAStream(http.StatusBadRequest, ending.InvalidArgument,
			"the path is not percent-encoded UTF-8")
	case pathtmpl.NotFound:
		if match.Pending != nil {
			return match.Pending, nil, nil
		}
	}
	return nil, nil, ending.NotAStream(http.StatusNotFound, ending.NotFound,
		"no route matches the path "+request.Quote(req.HTTP.URL.EscapedPath()))
}

// admit decides whether the caller may have a stream of the route now. The identity is nil for a route that anybody may read.
func (h *Handler) admit(
	w http.ResponseWriter, rt *route.Route, req *request.Request,
) (*auth.Identity, *ending.Ending) {
	if end := h.checkOrigin(w, rt, req); end != nil {
		return nil, end
	}
	switch {
	case req.HTTP.Method != http.MethodPost && req.HasBody():
		return nil, ending.NotAStream(http.StatusBadRequest, ending.InvalidArgument, "a GET request has no body")
	case rt.Plan == nil:
		return nil, ending.Refuse(ending.Unavailable, ending.ByRoute, rt.Refusal())
	}
	if end := h.server.Load().limits.arrive(req); end != nil {
		return nil, end
	}
	return h.authenticate(rt, req)
}

// authenticate finds out who the caller is. It returns an ending where the caller may not have a stream of the route.
func (h *Handler) authenticate(rt *route.Route, req *request.Request) (*auth.Identity, *ending.Ending) {
	req.HideParameters(h.auth.HiddenParameters(rt.Config))
	caller, end := h.auth.Authenticate(req.HTTP.Context(), rt.Config, req)
	if caller != nil {
		req.Subject, req.Head.Claims = caller.Subject, caller.Claims
	}
	return caller, end
}

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
		"route", rt.Config.Name, "origin", request.Shorten(origin), "host", request.Shorten(req.Host()), "because", foreign)
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
		h.logAnswer(rt, req, http.StatusNoContent)
		return
	}
	h.answer(w, nil, req, end)
}

// checkWriter returns an answer where w supports no flushing or no write deadlines, and nil otherwise. Without flushing, events
// would be delayed; without write deadlines, a client that stalls could not be cut off. checkWriter writes nothing.
func (h *Handler) checkWriter(w http.ResponseWriter) *ending.Ending {
	missing := ""
	switch blocking := withoutFlush(w); {
	case blocking != nil:
		missing = fmt.Sprintf("%T has no method Flush, and no Unwrap that leads to one", blocking)
	case http.NewResponseController(w).SetWriteDeadline(time.Time{}) != nil:
		missing = fmt.Sprintf("%T takes no write deadline, and no Unwrap leads to one that does", w)
	default:
		return nil
	}
	h.warn.once("writer", missing, "no stream can be served through this http.ResponseWriter", "because", missing)
	return ending.NotAStream(http.StatusInternalServerError, ending.Internal,
		"no stream can be served through the http.ResponseWriter: "+missing+
			"; serve the bridge without the middleware that wraps it, such as http.TimeoutHandler, or see http.ResponseController")
}

// withoutFlush returns nil where w can flush, and otherwise the innermost writer, which lacks both Flush and Unwrap. It looks
// for the same methods as [http.ResponseController], which can be asked only by flushing.
func withoutFlush(w http.ResponseWriter) http.ResponseWriter {
	for {
		switch w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return nil
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}
