package tracing

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxHeader bounds the headers traceparent and tracestate, in bytes. W3C Trace Context, section 3.3.1.5, asks for this much of
// tracestate.
const maxHeader = 512

// parent returns the span of the client, as its headers tell it. A malformed traceparent, and one that was sent more than once,
// count as none. A tracestate that is malformed or too long is left out.
func parent(traceparent, tracestate []string) trace.SpanContext {
	if len(traceparent) != 1 || len(traceparent[0]) > maxHeader {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{"traceparent": traceparent[0]}
	if state := strings.Join(tracestate, ","); len(state) <= maxHeader {
		carrier["tracestate"] = state
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), carrier) // of which only the span context is used
	return trace.SpanContextFromContext(ctx)
}

// IDOf returns the id of the trace to which the headers of a client belong, "" for none.
func IDOf(traceparent []string) string {
	if sc := parent(traceparent, nil); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}
