package tracing

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// starter starts spans with the tracer that the program brings. A panic of the tracer or of its spans stops neither the stream
// nor the bridge: the call that panicked has no effect. The methods of a starter and of its spans may be called concurrently, as
// far as those of the tracer may.
type starter struct {
	tracer   trace.Tracer
	panicked func(value any) // called for the first panic
	once     sync.Once
}

// newStarter returns the starter for a provider. panicked is called for the first panic.
func newStarter(p trace.TracerProvider, name string, panicked func(value any)) (s *starter) {
	s = &starter{tracer: noop.Tracer{}, panicked: panicked}
	defer s.recover()
	s.tracer = p.Tracer(name)
	return s
}

// recover recovers from a panic. It must be deferred itself, not called by a deferred function.
func (s *starter) recover() {
	if value := recover(); value != nil {
		s.once.Do(func() { s.panicked(value) })
	}
}

// start starts a span. The span has no effect where the tracer panics.
func (s *starter) start(ctx context.Context, name string, options ...trace.SpanStartOption) (g *guarded) {
	g = &guarded{starter: s, span: noop.Span{}}
	defer s.recover()
	_, span := s.tracer.Start(ctx, name, options...)
	g.span, g.context = span, span.SpanContext()
	return g
}

// guarded is a span of a starter.
type guarded struct {
	starter *starter
	span    trace.Span
	context trace.SpanContext
}

func (g *guarded) isRecording() (recording bool) {
	defer g.starter.recover()
	return g.span.IsRecording()
}

func (g *guarded) setName(name string) {
	defer g.starter.recover()
	g.span.SetName(name)
}

func (g *guarded) setAttributes(all ...attribute.KeyValue) {
	defer g.starter.recover()
	g.span.SetAttributes(all...)
}

func (g *guarded) setStatus(code codes.Code) {
	defer g.starter.recover()
	g.span.SetStatus(code, "")
}

func (g *guarded) end() {
	defer g.starter.recover()
	g.span.End()
}
