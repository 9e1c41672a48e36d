package serve

import (
	"net/http"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// misdirected answers a request for a host that is not in `server.hosts`.
func (h *Handler) misdirected(w http.ResponseWriter, req *request.Request) {
	host := req.HTTP.Host
	why := h.server.Load().hosts.Refusal(host)
	h.warn.once("host", host, "a request for a host that is not served was refused", "because", why, "host", request.Shorten(host))
	h.answer(w, nil, req, ending.NotAStream(http.StatusMisdirectedRequest, ending.PermissionDenied, why))
}

// match returns the route of a request and the values of its path variables. Where no route matches, it returns the answer.
func (h *Handler) match(w http.ResponseWriter, req *request.Request) (*route.Route, []string, *ending.Ending) {
	return h.find(w, req, req.HTTP.Method)
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

// admit decides whether the caller may have a stream of the route now.
func (h *Handler) admit(w http.ResponseWriter, rt *route.Route, req *request.Request) *ending.Ending {
	if end := h.checkOrigin(w, rt, req); end != nil {
		return end
	}
	switch {
	case req.HTTP.Method != http.MethodPost && req.HasBody():
		return ending.NotAStream(http.StatusBadRequest, ending.InvalidArgument, "a GET request has no body")
	case rt.Plan == nil:
		return ending.Refuse(ending.Unavailable, ending.ByRoute, rt.Refusal())
	}
	return nil
}
