package bridge

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// ServeHTTP implements [http.Handler]: match the path, admit the caller, bind the request message, attach to a stream, and
// pump its events until somebody ends it. The upstream stream ends on every way out.
//
// The ResponseWriter must support flushing and write deadlines, as those of net/http do; middleware that wraps it must
// offer Unwrap, see [http.ResponseController].
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCaller(r)
	switch {
	case c.presentsEnd():
		c.stop(w)
		return
	case c.isPreflight():
		c.leaveBody(w)
		b.preflight(w, c)
		return
	}
	rt, variables, end := b.match(w, c)
	if end == nil {
		end = b.admit(w, rt, c)
	}
	if end == nil && r.Method == http.MethodHead {
		writeStreamHeader(w, c, nil)
		return
	}
	if end == nil && !b.drain.enter() {
		end = shuttingDown()
	}
	if end != nil {
		b.answer(w, rt, c, end)
		return
	}
	defer b.drain.leave()

	sub, end := b.attach(w, rt, c, variables)
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
	opened, end := sub.opening(c.r.Context(), rt.cfg.OpenWait, b.drain.begun)
	switch {
	case !opened:
		b.log.Debug("client left before the stream opened", "route", rt.cfg.Name)
		return
	case end != nil && end.code != codes.OK && rt.wantsHTTPStatus(c):
		b.answer(w, rt, c, end)
		return
	}
	if header := sub.header.Load(); header != nil {
		rt.expose(w.Header(), *header)
	}
	b.observer.StreamOpened(rt.cfg.Name)
	writeStreamHeader(w, c, end)
	out := pump.Run(c.r.Context(), pump.NewHTTPConn(w, rt.cfg.WriteTimeout), sub.queue, b.settings(rt, c))
	if c.format == lines {
		writeTrailer(w, out.End)
	}
	if errors.Is(out.Err, http.ErrNotSupported) {
		b.log.Error("no stream can be served: what wraps the http.ResponseWriter supports no write deadlines or no flushing",
			"route", rt.cfg.Name)
	}
	duration := time.Since(started)
	b.observer.StreamEnded(rt.cfg.Name, StreamStats{Reason: out.Reason, Events: out.Events, Bytes: out.Bytes, Duration: duration})
	b.log.Debug("stream ended", "route", rt.cfg.Name, "reason", out.Reason, "events", out.Events, "bytes", out.Bytes,
		"duration", duration, "error", out.Err)
}

// writeStreamHeader commits to 200 and a stream. end is what is known to be all that the stream has, or nil.
func writeStreamHeader(w http.ResponseWriter, c *caller, end *ending) {
	h := w.Header()
	h.Set("Content-Type", c.format.contentType())
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Add("Vary", "Accept, Origin")
	switch {
	case end != nil:
		h.Set("Grpc-Status", strconv.Itoa(int(end.code)))
	case c.format == lines:
		h.Set("Trailer", "Grpc-Status, Grpc-Message")
	}
	w.WriteHeader(http.StatusOK)
}

// writeTrailer says how a stream ended to whoever reads a format that has no room for it. last is nil where it was the bridge
// that ended it.
func writeTrailer(w http.ResponseWriter, last *pump.End) {
	end := refuse(codes.Unavailable, byDrain, "the bridge ended the connection")
	if last != nil {
		end = endingOf(last)
	}
	w.Header().Set("Grpc-Status", strconv.Itoa(int(end.code)))
	w.Header().Set("Grpc-Message", url.PathEscape(end.message))
}

// settings returns how the pump serves one caller of rt.
func (b *Bridge) settings(rt *route, c *caller) *pump.Settings {
	s := &pump.Settings{
		Comment:   c.format.comment(),
		Heartbeat: rt.cfg.Heartbeat,
		MaxAge:    rt.cfg.MaxAge,
		AgeEnd:    rt.last(c, refuse(codes.Unavailable, byMaxAge, "the connection reached its maximum age")),
		Drain:     b.drain.begun,
		DrainBy:   b.drain.deadline,
		DrainEnd:  rt.last(c, shuttingDown()),
	}
	if c.format == eventStream && !c.final() {
		s.Retry = rt.cfg.Event.Retry
	}
	return s
}
