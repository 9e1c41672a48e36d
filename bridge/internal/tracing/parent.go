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

// Forwarded returns the trace context of a client for a server that continues its trace: the values of traceparent and
// tracestate, "" for none. A malformed traceparent counts as none, and so does one that was sent more than once. A tracestate
// belongs to a traceparent, and is left out where it is malformed or too long. Neither text is longer than [maxHeader].
func Forwarded(traceparent, tracestate []string) (one, state string) {
	sc := parent(traceparent, tracestate)
	if !sc.IsValid() {
		return "", ""
	}
	return traceparent[0], sc.TraceState().String()
}

// IDOf returns the id of the trace to which the headers of a client belong, "" for none.
func IDOf(traceparent []string) string {
	if sc := parent(traceparent, nil); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}
