package serve

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
)

// visit is the time of one caller on a stream, from attaching to the end. On a parked connection the visit outlives the
// handler, so it keeps nothing of the request. There is one for each browser, so its size matters: see docs/performance.md.
type visit struct {
	handler *Handler
	rt      *route.Route
	sub     stream.Subscription
	// control ends the stream from outside, and says things between its events.
	control pump.Control
	client  netip.Addr    // the caller's address, invalid where it is unknown
	number  uint64        // the number of the visit among all of the handler; fixed once it was added
	vigil   *auth.Vigil   // nil where nothing about the caller can change
	subject string        // of the caller's token, "" where there is none
	claims  claims        // what the caller counts for; guarded by the lock of the open visits while the visit is listed
	entry   *entry        // nil where there is no access log
	span    *tracing.Span // nil where there is no tracing
	// attached is set once sub is, which does not change afterwards.
	attached atomic.Bool
	place    int32 // the place among the open visits from 1 on, 0 for none; guarded by their lock
	once     bool  // see [request.Request.Once]
	// refused is true for a caller that the observer counts as refused: the caller receives only the ending.
	refused bool
	// left is true once the caller counts as gone. It is set before the drain is told.
	left bool
}

var _ auth.Stream = (*visit)(nil)

// Say implements [auth.Stream].
func (v *visit) Say(block []byte) { v.control.Say(block) }

// End implements [auth.Stream].
func (v *visit) End(e *ending.Ending) {
	last := v.rt.End(v.once, e)
	v.control.EndAt(time.Now(), &last)
}

// writing is a visit whose events are written to a response of net/http.
type writing struct {
	visit  *visit
	events *pump.Running
}

// write begins to write the events of a stream, until the stream ends or the client leaves. Then the visit is finished.
func (v *visit) write(w http.ResponseWriter, req *request.Request, settings *pump.Settings) *writing {
	tune(v.rt, req.HTTP)
	conn := pump.NewHTTPConn(w, v.rt.Config.WriteTimeout).Over(connOfHTTP1(req.HTTP))
	trailer := req.Format == request.Lines
	worker := pump.Here
	if onlyWaits(req.HTTP) {
		worker = pump.Aside
	}
	return &writing{visit: v, events: pump.Start(conn, v.sub.Cursor(), settings, &v.control, worker, func(out pump.Outcome) {
		if out.Err == nil {
			conn.Release()
		}
		if trailer {
			writeTrailer(w, out.End)
		}
		v.finish(out)
	})}
}

// wait waits until the visit is finished. It does nothing where s is nil.
func (s *writing) wait(ctx context.Context) {
	if s == nil {
		return
	}
	panicked := true
	defer func() { // see respond
		if panicked && !s.visit.left {
			s.visit.cancel()
		}
	}()
	s.events.Wait(ctx)
	panicked = false
}

// cancel ends a visit for which no event was written. It reports nothing.
func (v *visit) cancel() {
	v.left = true
	v.vigil.Stop()
	if v.sub != nil {
		v.sub.Close()
	}
	v.handler.open.remove(v)
	v.handler.leave(v.claims)
}

// finish ends the visit, and reports how it went. finish or leave is called, and once. A drain is complete when the last visit
// was reported.
func (v *visit) finish(out pump.Outcome) {
	ended := v.conclude()
	v.sub.Close()
	v.report(ended, out)
}

// leave does the same as finish without waiting. Once the subscription has released everything, another goroutine calls ended and
// reports the end.
func (v *visit) leave(out pump.Outcome, ended func()) {
	opening := v.conclude()
	v.handler.visits.Add(1)
	v.sub.Leave(func() {
		defer v.handler.visits.Done()
		ended()
		v.report(opening, out)
	})
}

// conclude begins the end of the visit, and describes the visit as it is now: closing its subscription may take a while.
func (v *visit) conclude() Opening {
	v.left = true
	v.vigil.Stop()
	return v.opening()
}

// report reports the end of a visit whose subscription is closed.
func (v *visit) report(ended Opening, out pump.Outcome) {
	defer func() { v.handler.leave(v.claims) }() // they are settled once the visit is no longer listed
	v.handler.open.remove(v)
	h, name := v.handler, v.rt.Config.Name
	if errors.Is(out.Err, http.ErrNotSupported) {
		h.log.Error("no stream can be served: what wraps the http.ResponseWriter supports no write deadlines or no flushing",
			"route", name)
	}
	v.logEnd(ended.After, out)
	if v.refused {
		return
	}
	code := codeOf(out)
	h.streams.ReportFailure(v.rt, out.Reason, code)
	h.observer.StreamEnded(ended, code, out)
	about := []any{"route", name, "reason", out.Reason, "code", code.String(), "events", out.Events, "bytes", out.Bytes,
		"duration", ended.After}
	if out.Err != nil {
		about = append(about, "error", out.Err)
	}
	h.log.Debug("stream ended", about...)
}

// opening describes the visit to the observer.
func (v *visit) opening() Opening {
	return Opening{Route: v.rt.Config.Name, Shared: v.rt.Config.Share != nil, After: time.Since(v.control.Began)}
}

// codeOf returns the status code that a stream ended with. Where the client left or was too slow, the stream ended without a
// status, and codeOf chooses the code.
func codeOf(out pump.Outcome) ending.Code {
	switch {
	case out.End != nil:
		return out.End.Ending.Code
	case out.Cut != nil:
		return out.Cut.Ending.Code
	case out.Reason == ending.ByGone:
		return ending.Canceled
	}
	return ending.ResourceExhausted
}

// writeTrailer writes how a stream ended, for a format that cannot express an ending. last is nil where the connection broke.
func writeTrailer(w http.ResponseWriter, last *pump.End) {
	if last == nil {
		return
	}
	end := last.Ending
	w.Header().Set("Grpc-Status", strconv.Itoa(int(end.Code)))
	w.Header().Set("Grpc-Message", url.PathEscape(end.Message))
}
