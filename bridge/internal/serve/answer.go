package serve

import (
	"math"
	"net/http"
	"strconv"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// answer writes the whole response to a request that gets no stream. An EventSource receives the ending as an event: after a
// status other than 200 it never tries again, and its page cannot see the status. All other clients receive the HTTP status and
// the same JSON. rt is nil where no route matched.
func (h *Handler) answer(w http.ResponseWriter, rt *route.Route, req *request.Request, end *ending.Ending) {
	h.reportRefused(rt, end)
	if end.TurnsAway() && req.HTTP.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // on HTTP/2 the header would also end the other streams of the connection
	}
	if end.NoStream || rt == nil || rt.WantsHTTPStatus(req) {
		h.logRefusal(rt, req, end.HTTPStatus, end, answerHTTP(w, rt, req, end))
		return
	}
	setStreamHeader(w.Header(), req.Format, frame.Form{}, end)
	w.WriteHeader(http.StatusOK)
	q := pump.NewQueue(0)
	q.End(rt.End(req.Once(), end))
	settings := h.settingsFor(rt, frame.Form{}, req.Format, req.Once())
	out := pump.Run(req.HTTP.Context(), pump.NewHTTPConn(w, rt.Config.WriteTimeout), q, settings, nil)
	h.logRefusal(rt, req, http.StatusOK, end, out.Bytes)
}

// clientLeft returns the answer for a client whose side of the connection ended before its stream opened. A client that closed
// only its sending side can read the answer. The bridge cannot distinguish such a client from one that has left.
func clientLeft() *ending.Ending {
	end := ending.Refuse(ending.Canceled, ending.ByRequest,
		"the client closed its side of the connection, which counts as leaving, before the stream opened")
	end.Retry = false
	return end
}

// reportRefused logs and counts a request that got no stream. rt is nil where no route matched.
func (h *Handler) reportRefused(rt *route.Route, end *ending.Ending) {
	name := ""
	if rt != nil {
		name = rt.Config.Name
		h.streams.ReportFailure(rt, end.Reason, end.Code)
	}
	h.observer.Refused(name, end)
	about := []any{"route", name, "code", end.Code.String(), "reason", end.Reason}
	if end.Limit != ending.NoLimit {
		about = append(about, "limit", end.Limit)
	}
	h.log.Debug("request refused", about...)
}

// answerHTTP answers a request with the HTTP status of an ending. It returns the size of the body.
func answerHTTP(w http.ResponseWriter, rt *route.Route, req *request.Request, end *ending.Ending) int64 {
	req.LeaveBody(w)
	end = end.ForClient(req.Once())
	h := w.Header()
	if rt != nil && end.Retry {
		seconds := math.Ceil(backoff.Jitter(rt.RetryDelay()).Seconds())
		h.Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if end.Code == ending.Unauthenticated && end.Reason == ending.ByAuth {
		h.Set("WWW-Authenticate", "Bearer") // a response with the status 401 must have a challenge (RFC 9110, 15.5.2)
	}
	body := append(end.JSON(), '\n')
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept, Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Grpc-Status", strconv.Itoa(int(end.Code)))
	w.WriteHeader(end.HTTPStatus)
	if req.HTTP.Method == http.MethodHead {
		return 0
	}
	n, _ := w.Write(body) // an error means that the client has left
	return int64(n)
}

// answerEnded answers a client that presents the id of a final end. The status 204 closes an EventSource for good. The answer
// needs no state, so every replica of the bridge can give it.
func (h *Handler) answerEnded(w http.ResponseWriter, req *request.Request) {
	req.LeaveBody(w)
	allowEnd(w.Header(), req.HTTP)
	w.Header().Set("Cache-Control", "no-store") // a cached 204 would close the streams of other clients
	w.WriteHeader(http.StatusNoContent)
	h.logAnswer(nil, req, http.StatusNoContent)
}

// allowEnd lets a page of any origin see the 204 that closes its EventSource. The answer tells the page nothing about the
// route. A browser that may not see the answer treats it as a network error, after which it may reconnect (HTML standard,
// 9.2.3).
func allowEnd(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}
