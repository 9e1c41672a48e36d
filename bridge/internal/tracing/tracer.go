package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Tracer makes the spans of a bridge. Its methods may be called concurrently.
type Tracer struct {
	starter *starter
	ctx     context.Context // has no span and no baggage
}

// New returns a tracer. It returns nil where p is nil. No span is a child of a span in ctx. panicked is called with the value of
// the first panic of what p makes.
func New(ctx context.Context, p trace.TracerProvider, panicked func(value any)) *Tracer {
	if p == nil {
		return nil
	}
	ctx = baggage.ContextWithoutBaggage(trace.ContextWithSpanContext(ctx, trace.SpanContext{}))
	return &Tracer{starter: newStarter(p, "github.com/grpcsse/grpcsse/bridge", panicked), ctx: ctx}
}

// Request is what a server span tells of a request. It has nothing of the path, the query or the headers.
type Request struct {
	Method, Scheme string
	Protocol       string // the version of HTTP, such as "1.1" or "2"
	Arrived        time.Time
	Traceparent    []string // the headers of these names
	Tracestate     []string
}

// Begin begins the server span of a request. Its parent is the span that the request names, if any.
func (t *Tracer) Begin(r Request) *Span {
	if t == nil {
		return nil
	}
	method := knownMethod(r.Method)
	ctx := trace.ContextWithRemoteSpanContext(t.ctx, parent(r.Traceparent, r.Tracestate))
	span := t.starter.start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(r.Arrived),
		trace.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("url.scheme", r.Scheme),
			attribute.String("network.protocol.version", r.Protocol),
		))
	return &Span{tracer: t, span: span, context: span.context, method: method}
}

// knownMethod returns a method as spans have it. A client may make up others.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE":
		return method
	}
	return "_OTHER"
}

// Span is the server span of a request. After End, it still stands for the place of the request in its trace. Apart from
// SetRoute and End, which the goroutine of the request calls, its methods may be called concurrently.
type Span struct {
	tracer  *Tracer
	span    *guarded // nil once it has ended
	context trace.SpanContext
	method  string
	route   Route
}

// Route is what spans tell of a route. All of it comes from the configuration.
type Route struct {
	Name, Path string
	RPC        string // as package.Service/Method, "" for a source of the program
}

func (r Route) attributes(more ...attribute.KeyValue) []attribute.KeyValue {
	if r.Name != "" {
		more = append(more, attribute.String("http.route", r.Path), attribute.String("grpcsse.route", r.Name))
	}
	if r.RPC != "" {
		more = append(more, attribute.String("rpc.system.name", "grpc"), attribute.String("rpc.method", r.RPC))
	}
	return more
}

// SetRoute tells the route of the request.
func (s *Span) SetRoute(r Route) {
	if s == nil || s.span == nil {
		return
	}
	s.route = r
	s.span.setName(s.method + " " + r.Path)
	s.span.setAttributes(r.attributes()...)
}

// End ends the span: the answer begins, with the given HTTP status. code is OK for a stream that is open. A second call does
// nothing.
func (s *Span) End(status int, code ending.Code, by ending.Reason) {
	if s == nil || s.span == nil {
		return
	}
	if s.span.isRecording() {
		s.span.setAttributes(attribute.Int("http.response.status_code", status))
		setStatus(s.span, code, by, code.ServerFault() && by != ending.ByRequest)
	}
	s.span.end()
	s.span = nil
}

// setStatus says how something ended. failed says that the bridge or the upstream is at fault. As OpenTelemetry has it for
// servers, an error of the client is no error of the span.
func setStatus(span *guarded, code ending.Code, by ending.Reason, failed bool) {
	span.setAttributes(attribute.String("rpc.response.status_code", code.String()))
	if by != "" {
		span.setAttributes(attribute.String("grpcsse.reason", string(by)))
	}
	if failed {
		span.setStatus(codes.Error)
		span.setAttributes(attribute.String("error.type", code.String()))
	}
}

// TraceID returns the id of the trace, "" for none.
func (s *Span) TraceID() string {
	if s == nil || !s.context.HasTraceID() {
		return ""
	}
	return s.context.TraceID().String()
}

// Within returns a context in which the span is the parent of further spans.
func (s *Span) Within(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, s.context)
}

// Inject sets the headers of the trace in metadata, so that what the upstream does is a child of the span. It returns a copy,
// or md itself where there is nothing to set. The names in md are in lower case.
func (s *Span) Inject(md map[string][]string) map[string][]string {
	if s == nil {
		return md
	}
	return inject(md, s.context)
}

func inject(md map[string][]string, sc trace.SpanContext) map[string][]string {
	if !sc.IsValid() {
		return md
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	out := make(map[string][]string, len(md)+len(carrier))
	for name, values := range md {
		out[name] = values
	}
	delete(out, "tracestate") // of the client, where the span has none
	for name, value := range carrier {
		out[name] = []string{value}
	}
	return out
}
