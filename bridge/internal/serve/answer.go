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

// answer writes the whole response of a request that gets no stream. An EventSource learns it by an event, since of any
// status but 200 its page sees nothing, and it never tries again; all others get the HTTP status and the same JSON.
// rt is nil where no route matched.
func (h *Handler) answer(w http.ResponseWriter, rt *route.Route, req *request.Request, end *ending.Ending) {
	h.tellRefused(rt, end)
	if end.TurnsAway() && req.HTTP.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // on HTTP/2 it would end the connection's other streams too
	}
	if end.NoStream || rt == nil || rt.WantsHTTPStatus(req) {
		answerHTTP(w, rt, req, end)
		return
	}
	writeStreamHeader(w, req.Format, frame.Form{}, end)
	q := pump.NewQueue(0)
	q.End(rt.End(req.Final(), end))
	settings := h.settingsFor(rt, frame.Form{}, req.Format, req.Final())
	pump.Run(req.HTTP.Context(), pump.NewHTTPConn(w, rt.Config.WriteTimeout), q, settings)
}

// clientLeft is the answer for a client whose side of the connection has ended before its stream opened. One that only closed
// what it sends with reads it: from here that looks the same.
func clientLeft() *ending.Ending {
	end := ending.Refuse(ending.Canceled, ending.ByRequest, "the client closed its side of the connection, which counts as leaving, before the stream opened")
	end.Retry = false
	return end
}

// tellRefused tells the operator of a request that got no stream. rt is nil where no route matched.
func (h *Handler) tellRefused(rt *route.Route, end *ending.Ending) {
	name := ""
	if rt != nil {
		name = rt.Config.Name
		h.streams.TellFailed(rt, end.Reason, end.Code)
	}
	h.observer.Refused(name, end.Reason, end.Code)
	h.log.Debug("request refused", "route", name, "code", end.Code.String(), "reason", end.Reason)
}

func answerHTTP(w http.ResponseWriter, rt *route.Route, req *request.Request, end *ending.Ending) {
	req.LeaveBody(w)
	end = end.ForClient(req.Final())
	h := w.Header()
	if rt != nil && end.Retry {
		seconds := math.Ceil(backoff.Jitter(rt.RetryDelay()).Seconds())
		h.Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	body := append(end.JSON(), '\n')
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept, Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Grpc-Status", strconv.Itoa(int(end.Code)))
	w.WriteHeader(end.HTTPStatus)
	if req.HTTP.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has left: there is nobody to tell
	}
}

// stop answers a client that presents the id of a final end. The status 204 closes an EventSource for good. The answer needs no
// state, so every replica can give it.
func stop(w http.ResponseWriter, req *request.Request) {
	req.LeaveBody(w)
	allowEnd(w.Header(), req.HTTP)
	w.Header().Set("Cache-Control", "no-store") // a cache that kept the 204 would close the streams of others
	w.WriteHeader(http.StatusNoContent)
}

// allowEnd lets a page of any origin see the 204 that closes its EventSource. The answer tells the page nothing of the route. A
// browser that may not see the answer takes it for a network failure, after which it may reconnect (HTML standard, 9.2.3).
func allowEnd(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}
