package tracing

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// touchy is a provider, its tracer and its spans. The method with the name in panics panics.
type touchy struct {
	noop.Span
	panics string
	calls  map[string]int
}

func (p *touchy) check(method string) {
	p.calls[method]++
	if p.panics == method {
		panic("in " + method)
	}
}

type touchyProvider struct {
	noop.TracerProvider
	*touchy
}

func (p touchyProvider) Tracer(string, ...trace.TracerOption) trace.Tracer {
	p.check("Tracer")
	return touchyTracer{touchy: p.touchy}
}

type touchyTracer struct {
	noop.Tracer
	*touchy
}

func (p touchyTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	p.check("Start")
	if p.panics == "nil" {
		return ctx, nil
	}
	return ctx, p.touchy
}

func (p *touchy) SpanContext() trace.SpanContext      { p.check("SpanContext"); return trace.SpanContext{} }
func (p *touchy) IsRecording() bool                   { p.check("IsRecording"); return true }
func (p *touchy) SetName(string)                      { p.check("SetName") }
func (p *touchy) SetAttributes(...attribute.KeyValue) { p.check("SetAttributes") }
func (p *touchy) SetStatus(codes.Code, string)        { p.check("SetStatus") }
func (p *touchy) End(...trace.SpanEndOption)          { p.check("End") }

func TestATracerMayPanic(t *testing.T) {
	for _, method := range []string{
		"", "Tracer", "Start", "nil", "SpanContext", "IsRecording", "SetName", "SetAttributes", "SetStatus", "End",
	} {
		t.Run(method, func(t *testing.T) {
			p := &touchy{panics: method, calls: map[string]int{}}
			told := 0
			assert.NotPanics(t, func() {
				tracer := New(t.Context(), touchyProvider{touchy: p}, func(any) { told++ })
				for range 2 {
					everything(tracer)
				}
			})
			if method == "" {
				assert.Zero(t, told)
				assert.Len(t, p.calls, 8, "each method was called")
			} else {
				assert.Equal(t, 1, told, "the first panic is told, and no other")
			}
		})
	}
}

// everything makes all calls that a request and its stream make.
func everything(t *Tracer) {
	request(t, Request{Method: "GET", Arrived: time.Now()}, map[string][]string{"a": {"b"}})
	failed := t.Begin(Request{Method: "GET"}).Open(true)
	failed.End(14)
}
