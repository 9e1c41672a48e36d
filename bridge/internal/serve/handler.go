// Package serve is the HTTP side of a bridge, and the only package that writes HTTP responses. For each request it finds the
// route, admits the caller, attaches the caller to a stream, answers, and writes the events until the stream ends or the client
// leaves.
package serve

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/access"
	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/stack"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// Handler is the HTTP side of a bridge. All methods may be called concurrently.
type Handler struct {
	log      *slog.Logger
	observer Observer
	access   *access.Log
	tracer   *tracing.Tracer // nil where there is no tracing
	routes   Routes
	streams  *stream.Streams
	auth     *auth.Room

	server atomic.Pointer[serverSettings]

	drain    *drain
	gate     gate
	open     visits
	starting sync.Mutex                           // guards closed and the start of loops
	closed   bool                                 // Close was called: StartLoops starts no loops
	loops    atomic.Pointer[pump.Loops]           // nil where connections are not parked
	ring     func(sends int) (*uring.Ring, error) // see [pump.Writing]
	visits   sync.WaitGroup                       // visits on parked connections that are finishing
	settings settings
	heads    heads
	warn     warnings
	digest   digest
}

// Observer receives notice of the callers' streams. Its methods are called concurrently and must not block.
type Observer interface {
	// StreamOpened is called when the stream of a caller begins.
	StreamOpened(s Opening)
	// StreamEnded is called once for each StreamOpened.
	StreamEnded(s Opening, code ending.Code, out pump.Outcome)
	// ClientLeft is called for a caller that leaves before it has an answer.
	ClientLeft(s Opening)
	// Delivered is called for some of the writes that bring events.
	Delivered(s Opening, taken pump.Sample)
	// Refused is called for a request that got no stream. route is "" where no route matched.
	Refused(route string, end *ending.Ending)
}

// Opening is a caller's request for a stream.
type Opening struct {
	Route  string
	Shared bool          // the route shares its upstream streams
	After  time.Duration // the time since the request arrived
}

// Routes finds the routes of requests. Its methods are called concurrently.
type Routes interface {
	// Match finds the route for a method and an escaped path.
	Match(method, path string) route.Match
	// Generation returns a number that changes whenever the routes are rebuilt.
	Generation() uint64
}

// Reports are where a handler tells what happens.
type Reports struct {
	Log      *slog.Logger
	Observer Observer
	Access   *access.Log     // nil where there is no access log
	Tracer   *tracing.Tracer // nil where there is no tracing
}

// New returns the HTTP side of a bridge. server holds the settings under `server` of the configuration. who decides
// about callers.
func New(server config.Server, routes Routes, who *auth.Room, streams *stream.Streams, to Reports) *Handler {
	h := &Handler{
		log: to.Log, observer: to.Observer, access: to.Access, tracer: to.Tracer, routes: routes, streams: streams,
		auth: who, drain: newDrain(), warn: warnings{log: to.Log},
	}
	if server.IOUring != config.IOUringOff {
		h.ring = uring.New
	}
	h.Apply(server)
	return h
}

// Shutdown refuses new callers, and ends each open stream in good order at a random moment before by. It returns nil when the
// last stream has ended, and the cause of ctx if ctx ends before that.
func (h *Handler) Shutdown(ctx context.Context, by time.Time) error {
	h.drain.begin(by)
	return h.drain.wait(ctx)
}

// StopAdmitting refuses new callers, and waits until each admitted caller has its stream or has left.
func (h *Handler) StopAdmitting() { h.drain.stopAdmitting() }

// Close ends the streams on parked connections, and waits until they have released everything.
func (h *Handler) Close() {
	h.starting.Lock()
	h.closed = true
	h.starting.Unlock()
	if loops := h.loops.Load(); loops != nil {
		loops.Close()
	}
	h.visits.Wait()
	h.access.Close()
}

// ServesHost reports whether the bridge answers requests for the host of r.
func (h *Handler) ServesHost(r *http.Request) bool {
	server := h.server.Load()
	return server.hosts.Serves(request.NewBehind(server.proxies, r).Host())
}

// ServeHTTP implements [http.Handler]. It returns when the response is complete, or once a loop writes it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	respond := h.respond
	if onlyWaits(r) {
		respond = h.respondAside
	} else {
		stack.Grow2KiB()
	}
	respond(w, r).wait(r.Context())
}

// onlyWaits reports whether net/http's goroutine should do nothing but wait, so that its stack stays small. That is so on HTTP/2, whose
// connections cannot be parked. On HTTP/1.1 an event that is alone costs less time where that goroutine writes it, and connections
// that should take little memory are parked.
func onlyWaits(r *http.Request) bool { return r.ProtoMajor != 1 }

// respondAside responds on another goroutine, and returns when respond does. Go makes a stack larger where it must, but hardly ever
// smaller: net/http's goroutine, which then waits for the end of the stream, keeps a stack of 4 KiB in place of 8 or 16 KiB.
func (h *Handler) respondAside(w http.ResponseWriter, r *http.Request) (stream *writing) {
	var panicked any
	responded := make(chan struct{})
	go func() {
		returned := false
		defer func() {
			if !returned {
				panicked = pump.Carried(recover())
			}
			close(responded)
		}()
		stream = h.respond(w, r)
		returned = true
	}()
	<-responded
	if panicked != nil {
		panic(panicked)
	}
	return stream
}

// respond answers a request. It finds the route of the path, admits the caller, binds the request message, attaches the caller to a
// stream, and begins to write the events. It returns the stream that is being written, nil where the response is complete or a loop
// writes it. The caller's subscription is closed on every path.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request) *writing {
	server := h.server.Load()
	req := h.read(server, r)
	switch {
	case !server.hosts.Serves(req.Host()):
		h.misdirected(w, req)
		return nil
	case req.AfterEnd:
		h.answerEnded(w, req)
		return nil
	case req.PreflightMethod() != "":
		h.preflight(w, req)
		return nil
	}
	rt, variables, end := h.match(w, req)
	var caller *auth.Identity
	if end == nil {
		caller, end = h.admit(w, rt, req)
	}
	if end == nil && r.Method == http.MethodHead {
		setStreamHeader(w.Header(), req.Format, frame.Form{}, nil)
		w.WriteHeader(http.StatusOK)
		h.logAnswer(rt, req, http.StatusOK)
		return nil
	}
	if end == nil {
		end = h.checkWriter(w)
	}
	var taken claims
	if end == nil {
		taken, end = h.enter(rt, req)
	}
	if end != nil {
		h.answer(w, rt, req, end)
		return nil
	}
	// StopAdmitting waits until the caller has its stream, or gets none.
	defer h.drain.admitted.Done()
	v := h.newVisit(rt, req, taken)
	panicked := true
	defer func() { // the program's own observer may panic, and net/http recovers from that
		if panicked && !v.left {
			v.cancel()
		}
	}()
	form := h.formFor(w, rt, req)
	if v.sub, end = h.attach(w, rt, req, form, variables); end != nil {
		v.cancel()
		h.answer(w, rt, req, end)
		panicked = false
		return nil
	}
	v.vigil = h.auth.Watch(caller, v)
	v.attached.Store(true)
	stream := h.serve(w, req, form, v)
	panicked = false
	return stream
}

// newVisit returns the visit of a caller that was admitted, as one of the open visits.
func (h *Handler) newVisit(rt *route.Route, req *request.Request, taken claims) *visit {
	v := &visit{
		handler: h, rt: rt, client: req.Client, subject: req.Subject, claims: taken, once: req.Once(),
		entry: h.entryOf(rt, req), span: req.Span,
	}
	v.control.Began = req.Arrived
	h.addVisit(v)
	return v
}

// serve waits until the upstream has accepted the stream, and begins to write the header of the response and the events. It returns
// the stream that is being written, as respond does.
func (h *Handler) serve(w http.ResponseWriter, req *request.Request, form frame.Form, v *visit) *writing {
	rt := v.rt
	stayed, end := h.streams.AwaitFirstWord(req.HTTP.Context(), v.sub, rt.Config.OpenWait, h.drain.begun)
	if !stayed || end != nil && (end.Reason == ending.ByGone || req.HTTP.Context().Err() != nil) {
		h.observer.ClientLeft(v.opening()) // before the visit is over, since Shutdown waits for that
		v.cancel()
		h.log.Debug("client left before the stream opened", "route", rt.Config.Name)
		left := clientLeft()
		bytes := answerHTTP(w, rt, req, left)
		left.Reason = ending.ByGone // what the client may be told is another thing
		h.logRefusal(rt, req, left.HTTPStatus, left, bytes)
		return nil
	}
	failed := end != nil && end.Code != ending.OK
	if failed && rt.WantsHTTPStatus(req) {
		v.cancel()
		h.answer(w, rt, req, end)
		return nil
	}
	v.refused = failed
	if failed { // the client receives the ending as an event, after the reset that the stream may hold
		h.reportRefused(rt, end)
	} else {
		h.observer.StreamOpened(v.opening())
	}
	rt.ExposeMetadata(w.Header(), v.sub.Header())
	head := h.heads.of(w, form, end, time.Now())
	if head == nil {
		setStreamHeader(w.Header(), req.Format, form, end)
	}
	if failed {
		req.Span.End(http.StatusOK, end.Code, end.Reason)
	} else {
		req.Span.End(http.StatusOK, ending.OK, "")
	}
	settings := h.settingsFor(rt, form, req.Format, req.Once())
	if form.Chunked {
		v.park(w, head, settings)
		return nil
	}
	w.WriteHeader(http.StatusOK)
	return v.write(w, req, settings)
}

// attach reads the values for the request message from the HTTP request, and attaches the caller to a stream.
func (h *Handler) attach(
	w http.ResponseWriter, rt *route.Route, req *request.Request, form frame.Form, variables []string,
) (stream.Subscription, *ending.Ending) {
	in, end := req.Input(w, variables, request.BodyLimits{Bytes: h.server.Load().requestBytes, Time: rt.Config.WriteTimeout})
	if end == nil {
		return h.streams.Attach(rt, req, form, in)
	}
	if end.Cause != nil {
		h.log.Warn("a body cannot be read within a time", "error", end.Cause)
	}
	return nil, end
}

// formFor decides in which form the stream is written to the caller's connection.
func (h *Handler) formFor(w http.ResponseWriter, rt *route.Route, req *request.Request) frame.Form {
	form := frame.Form{Chunked: h.parks(w, req)}
	// Only an EventSource gets a compressed stream: other clients report a gzip stream without a trailer as truncated.
	if rt.Config.Compression && req.EventSource {
		form.Encoding = frame.Negotiate(req.HTTP.Header.Values("Accept-Encoding"))
	}
	return form
}
