package bridge

import (
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// ServeHTTP implements [http.Handler]: match the path, admit the caller, bind the request message, attach to a stream, and
// pump its events until somebody ends it. The upstream stream ends on every way out.
//
// The ResponseWriter must support flushing and write deadlines, as those of net/http do; middleware that wraps it must
// offer Unwrap, see [http.ResponseController].
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if presentsEnd(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	c := newCaller(r)
	rt, variables, end := b.match(w, c)
	if end == nil {
		end = b.admit(rt, c)
	}
	if end == nil && r.Method == http.MethodHead {
		writeStreamHeader(w, nil)
		return
	}
	if end == nil && !b.drain.enter() {
		end = refuse(codes.Unavailable, byDrain, "the bridge is shutting down")
	}
	if end != nil {
		b.answer(w, rt, c, end)
		return
	}
	defer b.drain.leave()

	sub, end := b.attach(r.Context(), rt, c, variables)
	if end != nil {
		b.answer(w, rt, c, end)
		return
	}
	defer sub.close()
	b.serve(w, rt, c, sub)
}

// serve waits for the stream's first word, answers, and writes what comes.
func (b *Bridge) serve(w http.ResponseWriter, rt *route, c *caller, sub *subscription) {
	started := time.Now()
	opened, end := sub.opening(c.r.Context(), rt.cfg.OpenWait)
	switch {
	case !opened:
		b.log.Debug("client left before the stream opened", "route", rt.cfg.Name)
		return
	case end != nil && rt.wantsHTTPStatus(c):
		b.answer(w, rt, c, end)
		return
	}
	writeStreamHeader(w, end)
	out := pump.Run(c.r.Context(), pump.NewHTTPConn(w, rt.cfg.WriteTimeout), sub.queue, b.settings(rt))
	b.log.Debug("stream ended", "route", rt.cfg.Name, "reason", out.Reason, "events", out.Events, "bytes", out.Bytes,
		"duration", time.Since(started), "error", out.Err)
}

// writeStreamHeader commits to 200 and an event stream. end is what is known to be all that the stream has, or nil.
func writeStreamHeader(w http.ResponseWriter, end *ending) {
	h := w.Header()
	h.Set("Content-Type", sse.ContentType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Set("Vary", "Accept, Origin")
	if end != nil {
		h.Set("Grpc-Status", strconv.Itoa(int(end.code)))
	}
	w.WriteHeader(http.StatusOK)
}

// settings returns how the pump serves one subscriber of rt.
func (b *Bridge) settings(rt *route) pump.Settings {
	return pump.Settings{
		Retry:     rt.cfg.Event.Retry,
		Heartbeat: rt.cfg.Heartbeat,
		MaxAge:    rt.cfg.MaxAge,
		AgeEnd:    rt.last(refuse(codes.Unavailable, byMaxAge, "the connection reached its maximum age")),
		Drain:     b.drain.begun,
		DrainBy:   b.drain.deadline,
		DrainEnd:  rt.last(refuse(codes.Unavailable, byDrain, "the bridge is shutting down")),
	}
}
