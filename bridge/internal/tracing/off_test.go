package tracing

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// request makes all calls that one request and its stream make.
func request(t *Tracer, r Request, md map[string][]string) {
	span := t.Begin(r)
	span.SetRoute(Route{Name: "watch", Path: "/watch"})
	span.Inject(md)
	span.Within(context.Background())
	opening := span.Open(false)
	opening.Inject(md)
	opening.Within(context.Background())
	opening.Sent(1)
	opening.End(ending.OK)
	span.End(200, ending.OK, "")
	span.StreamEnded(StreamEnd{})
	span.TraceID()
}

func TestWithoutAProviderNothingIsAllocated(t *testing.T) {
	r := Request{Method: "GET", Traceparent: []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	md := map[string][]string{"a": {"b"}}
	off := New(t.Context(), nil, nil)
	assert.Nil(t, off)
	assert.Zero(t, testing.AllocsPerRun(100, func() { request(off, r, md) }))
}

func BenchmarkOff(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		request(nil, Request{Method: "GET"}, nil)
	}
}
