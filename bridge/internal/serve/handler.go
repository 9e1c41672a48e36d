// Package serve is the HTTP side of a bridge, and the only writer of HTTP: it finds the route of a request, admits the caller, finds
// it a place on a stream, answers, and pumps the events to the client until the stream is over or the bridge is.
package serve

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
)

// Handler is the HTTP side of a bridge. All methods may be called concurrently.
type Handler struct {
	log      *slog.Logger
	observer Observer
	routes   Routes
	streams  *stream.Streams

	hosts        request.Hosts
	limit        int   // of open streams; 0 is none
	requestBytes int64 // of a body

	drain    *drain
	starting sync.Mutex                 // of loops, and of closed
	closed   bool                       // no loops are started any more
	loops    atomic.Pointer[pump.Loops] // nil where connections are not parked
	visits   sync.WaitGroup             // those that end on goroutines of their own
	settings settings
	warn     warnings
}

// Observer is told of the streams of callers, concurrently.
type Observer interface {
	// StreamOpened is called when a caller's stream begins.
	StreamOpened(route string)
	// StreamEnded is called once for each StreamOpened.
	StreamEnded(route string, code ending.Code, lasted time.Duration, out pump.Outcome)
	// Refused is called for a request that got no stream. The route is "" where none matched.
	Refused(route string, by ending.Reason, code ending.Code)
}

// Routes finds the routes of requests.
type Routes interface {
	// Match finds the route for a method and an escaped path.
	Match(method, path string) route.Found
	// Generation is a number that changes when the routes are built anew.
	Generation() uint64
}

// New returns the HTTP side of a bridge. settings are those of the configuration's server.
func New(server config.Server, routes Routes, streams *stream.Streams, log *slog.Logger, o Observer) *Handler {
	return &Handler{
		log: log, observer: o, routes: routes, streams: streams,
		hosts: request.NewHosts(server.Hosts), limit: streamLimit(server.Streams), requestBytes: int64(server.RequestBytes),
		drain: newDrain(), warn: warnings{log: log},
	}
}

// Shutdown ends all streams in good order by a time, each at a random moment before that. It returns when the last one has ended,
// or ctx's error.
func (h *Handler) Shutdown(ctx context.Context, by time.Time) error {
	h.drain.begin(by)
	return h.drain.wait(ctx)
}

// ShutOut lets no caller in any more, and waits until those that were let in have their place on a stream, or none.
func (h *Handler) ShutOut() { h.drain.shutOut() }

// Close ends the streams on parked connections, and waits until nothing of them is left.
func (h *Handler) Close() {
	h.starting.Lock()
	h.closed = true
	h.starting.Unlock()
	if loops := h.loops.Load(); loops != nil {
		loops.Close()
	}
	h.visits.Wait()
}

// ServeHTTP implements [http.Handler]: match the path, admit the caller, bind the request message, attach to a stream, and
// pump its events until the stream is over. The upstream stream ends on every way out.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request.New(r)
	switch {
	case !h.hosts.Serves(r.Host):
		h.misdirected(w, req)
		return
	case req.AfterEnd:
		stop(w, req)
		return
	case req.PreflightMethod() != "":
		h.preflight(w, req)
		return
	}
	rt, variables, end := h.match(w, req)
	if end == nil {
		end = h.admit(w, rt, req)
	}
	if end == nil && r.Method == http.MethodHead {
		writeStreamHeader(w, req.Format, frame.Form{}, nil)
		return
	}
	if end == nil {
		end = h.checkWriter(w)
	}
	if end == nil {
		end = h.enter()
	}
	if end != nil {
		h.answer(w, rt, req, end)
		return
	}
	arrived := sync.OnceFunc(h.drain.arriving.Done)
	defer arrived()
	began := time.Now()
	form := h.formFor(w, rt, req)
	sub, end := h.attach(w, rt, req, form, variables)
	if end != nil {
		h.drain.leave()
		h.answer(w, rt, req, end)
		return
	}
	h.serve(w, req, form, &visit{handler: h, rt: rt, sub: sub, began: began}, arrived)
}

// serve waits for the stream's first word, answers, and writes what comes, here or on a loop. It calls arrived before it
// serves the stream itself.
func (h *Handler) serve(w http.ResponseWriter, req *request.Request, form frame.Form, s *visit, arrived func()) {
	rt := s.rt
	opened, end := stream.AwaitFirstWord(req.HTTP.Context(), s.sub, rt.Config.OpenWait, h.drain.begun)
	switch {
	case !opened, end != nil && end.Reason == ending.ByGone:
		s.leave()
		h.log.Debug("client left before the stream opened", "route", rt.Config.Name)
		answerHTTP(w, rt, req, clientLeft())
		return
	case end == nil || end.Code == ending.OK:
		h.observer.StreamOpened(rt.Config.Name)
	case rt.WantsHTTPStatus(req):
		s.leave()
		h.answer(w, rt, req, end)
		return
	default: // the event says the same, behind what the stream has told before
		s.refused = true
		h.tellRefused(rt, end)
	}
	rt.Expose(w.Header(), s.sub.Header())
	writeStreamHeader(w, req.Format, form, end)
	settings := h.settingsFor(rt, form, req.Format, req.Final())
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
func (h *Handler) attach(
	w http.ResponseWriter, rt *route.Route, req *request.Request, form frame.Form, variables []string,
) (stream.Subscription, *ending.Ending) {
	in, end := req.Input(w, variables, request.BodyLimits{Bytes: h.requestBytes, Time: rt.Config.WriteTimeout})
	if end == nil {
		return h.streams.Attach(rt, req, form, in)
	}
	if end.Cause != nil {
		h.log.Warn("a body cannot be read within a time", "error", end.Cause)
	}
	return nil, end
}

// formFor decides how the stream stands on the caller's connection.
func (h *Handler) formFor(w http.ResponseWriter, rt *route.Route, req *request.Request) frame.Form {
	form := frame.Form{Chunked: h.parks(w, req)}
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
