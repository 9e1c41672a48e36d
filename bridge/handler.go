package bridge

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
)

// ServeHTTP implements [http.Handler]: match the path, admit the caller, bind the request message, attach to a stream, and
// pump its events until somebody ends it. The upstream stream ends on every way out.
//
// The ResponseWriter must support flushing and write deadlines, as those of net/http do; middleware that wraps it must
// offer Unwrap, see [http.ResponseController]. Where it does not, the answer is 500 and says so.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request.New(r)
	switch {
	case !b.hosts.Serves(r.Host):
		b.misdirected(w, req)
		return
	case req.AfterEnd:
		stop(w, req)
		return
	case req.PreflightMethod() != "":
		b.preflight(w, req)
		return
	}
	rt, variables, end := b.match(w, req)
	if end == nil {
		end = b.admit(w, rt, req)
	}
	if end == nil && r.Method == http.MethodHead {
		writeStreamHeader(w, req.Format, frame.Form{}, nil)
		return
	}
	if end == nil {
		end = b.checkWriter(w)
	}
	if end == nil {
		end = b.enter()
	}
	if end != nil {
		b.answer(w, rt, req, end)
		return
	}
	arrived := sync.OnceFunc(b.drain.arriving.Done)
	defer arrived()
	began := time.Now()
	form := b.formFor(w, rt, req)
	sub, end := b.attach(w, rt, req, form, variables)
	if end != nil {
		b.drain.leave()
		b.answer(w, rt, req, end)
		return
	}
	b.serve(w, req, form, &stay{bridge: b, rt: rt, sub: sub, began: began}, arrived)
}

// serve waits for the stream's first word, answers, and writes what comes, here or on a loop. It calls arrived before it
// serves the stream itself.
func (b *Bridge) serve(w http.ResponseWriter, req *request.Request, form frame.Form, s *stay, arrived func()) {
	rt := s.rt
	opened, end := stream.AwaitFirstWord(req.HTTP.Context(), s.sub, rt.Config.OpenWait, b.drain.begun)
	switch {
	case !opened, end != nil && end.Reason == ending.ByGone:
		s.leave()
		b.log.Debug("client left before the stream opened", "route", rt.Config.Name)
		answerHTTP(w, rt, req, clientLeft())
		return
	case end == nil || end.Code == ending.OK:
		b.observer.StreamOpened(rt.Config.Name)
	case rt.WantsHTTPStatus(req):
		s.leave()
		b.answer(w, rt, req, end)
		return
	default: // the event says the same, behind what the stream has told before
		s.refused = true
		b.tellRefused(rt, end)
	}
	rt.Expose(w.Header(), s.sub.Header())
	writeStreamHeader(w, req.Format, form, end)
	settings := b.settingsFor(kind{rt, form, req.Format, req.Final()})
	if form.Chunked {
		s.park(w, settings)
		return
	}
	arrived()
	tune(rt, req.HTTP)
	conn := pump.NewHTTPConn(w, rt.Config.WriteTimeout).Over(connOfHTTP1(req.HTTP))
	out := pump.Run(req.HTTP.Context(), conn, s.sub.Cursor(), settings)
	if out.Err == nil {
		conn.Release()
	}
	if req.Format == request.Lines {
		writeTrailer(w, out.End)
	}
	s.over(out)
}

// attach reads what of the request is bound, and finds the caller a place on a stream.
func (b *Bridge) attach(
	w http.ResponseWriter, rt *route.Route, req *request.Request, form frame.Form, variables []string,
) (stream.Subscription, *ending.Ending) {
	in, end := req.Input(w, variables, request.BodyLimits{Bytes: int64(b.cfg.Server.RequestBytes), Time: rt.Config.WriteTimeout})
	if end == nil {
		return b.streams.Attach(rt, req, form, in)
	}
	if end.Cause != nil {
		b.log.Warn("a body cannot be read within a time", "error", end.Cause)
	}
	return nil, end
}

// formFor decides how the stream stands on the caller's connection.
func (b *Bridge) formFor(w http.ResponseWriter, rt *route.Route, req *request.Request) frame.Form {
	form := frame.Form{Chunked: b.parks(w, req)}
	if rt.Config.Compression && req.EventSource { // others may not take an end without gzip's trailer for one
		form.Encoding = frame.Negotiate(req.HTTP.Header.Values("Accept-Encoding"))
	}
	return form
}

// writeStreamHeader commits to 200 and a stream. end is what is known to be all that the stream has, or nil.
func writeStreamHeader(w http.ResponseWriter, format request.Format, form frame.Form, end *ending.Ending) {
	h := w.Header()
	h.Set("Content-Type", format.ContentType())
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Add("Vary", "Accept, Accept-Encoding, Origin")
	if encoding := form.Encoding; encoding != frame.Identity {
		h.Set("Content-Encoding", encoding.String())
	}
	if form.Chunked { // the connection is taken over, and serves nothing else
		h.Set("Connection", "close")
	}
	switch {
	case end != nil:
		h.Set("Grpc-Status", strconv.Itoa(int(end.Code)))
	case format == request.Lines:
		h.Set("Trailer", "Grpc-Status, Grpc-Message")
	}
	w.WriteHeader(http.StatusOK)
}

// writeTrailer says how a stream ended, in a format that has no room for it. last is nil where the connection broke.
func writeTrailer(w http.ResponseWriter, last *pump.End) {
	if last == nil {
		return
	}
	end := last.Ending
	w.Header().Set("Grpc-Status", strconv.Itoa(int(end.Code)))
	w.Header().Set("Grpc-Message", url.PathEscape(end.Message))
}
