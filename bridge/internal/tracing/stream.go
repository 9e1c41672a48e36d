package tracing

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// StreamEnd is what the span of an end tells of a stream.
type StreamEnd struct {
	At     time.Time // when the stream ended
	Code   ending.Code
	Reason ending.Reason
	Retry  bool // the client was told to come back
	Events int
	Bytes  int64
	Lasted time.Duration
}

// outcome says in one word how a stream ended.
func (e StreamEnd) outcome() string {
	switch {
	case e.Reason == ending.ByGone:
		return "left"
	case e.Retry:
		return "interrupted"
	case e.Code == ending.OK:
		return "completed"
	}
	return "failed"
}

// failed reports whether the upstream is at fault. A stream that the bridge ends in good order has a code of an error too, so
// that the client comes back.
func (e StreamEnd) failed() bool {
	return e.Code.ServerFault() && (e.Reason == ending.ByUpstream || e.Reason == ending.ByMessage)
}

// StreamEnded makes the span of the end of a stream. It begins another trace, and has a link to s.
func (s *Span) StreamEnded(e StreamEnd) {
	if s == nil {
		return
	}
	span := s.linked("end "+s.route.Path, trace.WithSpanKind(trace.SpanKindInternal), trace.WithTimestamp(e.At))
	if span.isRecording() {
		span.setAttributes(s.route.attributes(
			attribute.String("grpcsse.stream.outcome", e.outcome()), attribute.Int("grpcsse.stream.events", e.Events),
			attribute.Int64("grpcsse.stream.bytes", e.Bytes), attribute.Float64("grpcsse.stream.duration", e.Lasted.Seconds()),
		)...)
		setStatus(span, e.Code, e.Reason, e.failed())
	}
	span.end()
}

// linked begins a span without a parent, and with a link to s.
func (s *Span) linked(name string, options ...trace.SpanStartOption) *guarded {
	if s.context.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: s.context}))
	}
	span := s.tracer.starter.start(s.tracer.ctx, name, options...)
	return span
}

// Opening is the span of the opening of a shared upstream stream. One goroutine uses it.
type Opening struct {
	span  *guarded
	once  sync.Once
	timer *time.Timer // nil until the request was sent
}

// Open begins the span of the opening of a shared upstream stream, on behalf of the request of s.
func (s *Span) Open(reopening bool) *Opening {
	if s == nil {
		return nil
	}
	o := &Opening{span: s.linked(openingName(s.route), trace.WithSpanKind(trace.SpanKindClient))}
	if o.span.isRecording() {
		o.span.setAttributes(s.route.attributes(attribute.Bool("grpcsse.reopening", reopening))...)
	}
	return o
}

// Sent says that the request was sent. From then on the span lasts for the time patience at most: an upstream may accept a
// stream only with its first message.
func (o *Opening) Sent(patience time.Duration) {
	if o == nil {
		return
	}
	o.timer = time.AfterFunc(patience, func() {
		o.once.Do(func() {
			o.span.setAttributes(attribute.Bool("grpcsse.silent", true))
			o.span.end()
		})
	})
}

func openingName(r Route) string {
	if r.RPC != "" {
		return r.RPC
	}
	return "open " + r.Path
}

// End ends the span: the upstream has accepted the stream, with OK as code, or it has refused it. A second call does nothing.
func (o *Opening) End(code ending.Code) {
	if o == nil {
		return
	}
	if o.timer != nil {
		o.timer.Stop()
	}
	o.once.Do(func() {
		setStatus(o.span, code, "", code.ServerFault())
		o.span.end()
	})
}

// Inject does the same as [Span.Inject].
func (o *Opening) Inject(md map[string][]string) map[string][]string {
	if o == nil {
		return md
	}
	return inject(md, o.span.context)
}

// Within does the same as [Span.Within].
func (o *Opening) Within(ctx context.Context) context.Context {
	if o == nil {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, o.span.context)
}
