package bridge

import (
	"math"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"

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
func (b *Bridge) answer(w http.ResponseWriter, rt *route.Route, req *request.Request, end *ending.Ending) {
	b.tellRefused(rt, end)
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
	settings := b.settingsFor(kind{rt: rt, format: req.Format, final: req.Final()})
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
func (b *Bridge) tellRefused(rt *route.Route, end *ending.Ending) {
	name := ""
	if rt != nil {
		name = rt.Config.Name
		b.streams.TellFailed(rt, end.Reason, end.Code)
	}
	b.observer.Refused(name, Reason(end.Reason), codes.Code(end.Code))
	b.log.Debug("request refused", "route", name, "code", end.Code.String(), "reason", end.Reason)
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
