package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	otelcodes "go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

const (
	clientTrace  = "0af7651916cd43dd8448eb211c80319c"
	clientParent = "00-" + clientTrace + "-b7ad6b7169203331-01"
)

// spans holds the spans that have ended.
type spans struct{ *tracetest.InMemoryExporter }

// traced does the same as startFront, with spans that the test can read. The context of New and that of each request have a
// span and baggage, which belong to no request.
func traced(t *testing.T, s *server, file string) (*front, spans) {
	t.Helper()
	cfg := parse(t, s, file)
	out := spans{tracetest.NewInMemoryExporter()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(out))
	t.Cleanup(func() { assert.NoError(t, provider.Shutdown(context.WithoutCancel(t.Context()))) })
	member, err := baggage.NewMember("key", "value")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	ambient := func(ctx context.Context) context.Context { // the span never ends, and so is in no test's way
		ctx, _ = provider.Tracer("test").Start(baggage.ContextWithBaggage(ctx, bag), "ambient") //nolint:spancheck // see above
		return ctx
	}
	b, err := bridge.New(ambient(t.Context()), cfg, bridge.WithTracerProvider(provider))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveThrough(t, b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.ServeHTTP(w, r.WithContext(ambient(r.Context())))
	}))}, out
}

// await returns n spans by their names, and forgets them.
func (s spans) await(t *testing.T, n int) map[string]tracetest.SpanStub {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.GetSpans()) >= n }, patience, time.Millisecond, "spans: expected %d", n)
	found := map[string]tracetest.SpanStub{}
	for _, span := range s.GetSpans() {
		found[span.Name] = span
	}
	s.Reset()
	require.Len(t, found, n)
	return found
}

// attributesOf returns the attributes of a span as text.
func attributesOf(span tracetest.SpanStub) map[string]string {
	out := map[string]string{}
	for _, a := range span.Attributes {
		out[string(a.Key)] = a.Value.String()
	}
	return out
}

// telling is an upstream that records the metadata of its calls, sends n events, and ends with err.
func telling(n int64, err error) (watch, chan metadata.MD) {
	seen := make(chan metadata.MD, 100)
	return func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		seen <- md
		return count(n, err)(r, stream)
	}, seen
}

func TestTheSpansOfAPrivateStream(t *testing.T) {
	for kind, client := range clients(t) {
		t.Run(kind, func(t *testing.T) {
			w, seen := telling(3, status.Error(codes.Internal, "a message"))
			f, spans := traced(t, startServer(t, "127.0.0.1:0", w), routeFile("name: watch", "reopen: {max_attempts: 1}"))
			resp := do(t, client, eventSource(t.Context(), t, f.url+"/watch/x?text=y",
				"Traceparent", clientParent, "Tracestate", "vendor=1,other=2", "Baggage", "k=v"))
			newReader(resp).all(t)

			found := spans.await(t, 2)
			served, ended := found["GET /watch/{topic}"], found["end /watch/{topic}"]
			assert.Equal(t, trace.SpanKindServer, served.SpanKind)
			assert.Equal(t, clientTrace, served.SpanContext.TraceID().String())
			assert.Equal(t, "b7ad6b7169203331", served.Parent.SpanID().String())
			assert.True(t, served.Parent.IsRemote())
			assert.Equal(t, map[string]string{
				"http.request.method": "GET", "http.route": "/watch/{topic}", "grpcsse.route": "watch",
				"url.scheme":                map[bool]string{true: "https", false: "http"}[kind == "TLS1"],
				"network.protocol.version":  strings.TrimSuffix(strings.TrimPrefix(resp.Proto, "HTTP/"), ".0"),
				"http.response.status_code": "200", "rpc.system.name": "grpc",
				"rpc.method": "test.stream.v1.StreamService/Watch", "rpc.response.status_code": "OK",
			}, attributesOf(served))
			assert.Equal(t, otelcodes.Unset, served.Status.Code)

			md := <-seen
			want := "00-" + clientTrace + "-" + served.SpanContext.SpanID().String() + "-01"
			assert.Equal(t, []string{want}, md.Get("traceparent"), "the bridge's own span is the parent")
			assert.Equal(t, []string{"vendor=1,other=2"}, md.Get("tracestate"))
			assert.Empty(t, md.Get("baggage"))

			assert.Equal(t, trace.SpanKindInternal, ended.SpanKind)
			assert.False(t, ended.Parent.IsValid())
			assert.NotEqual(t, clientTrace, ended.SpanContext.TraceID().String())
			require.Len(t, ended.Links, 1)
			assert.Equal(t, served.SpanContext.SpanID(), ended.Links[0].SpanContext.SpanID())
			about := attributesOf(ended)
			for _, key := range []string{"grpcsse.stream.bytes", "grpcsse.stream.duration"} {
				assert.Regexp(t, `[1-9]`, about[key], key)
				delete(about, key)
			}
			assert.Equal(t, map[string]string{
				"http.route": "/watch/{topic}", "grpcsse.route": "watch", "rpc.system.name": "grpc",
				"rpc.method": "test.stream.v1.StreamService/Watch", "rpc.response.status_code": "INTERNAL",
				"grpcsse.stream.outcome": "interrupted", "grpcsse.stream.events": "3", "grpcsse.reason": "upstream",
				"error.type": "INTERNAL",
			}, about)
			assert.Equal(t, sdktrace.Status{Code: otelcodes.Error}, ended.Status)
		})
	}
}

// A span lasts until the first byte, however long the stream lasts.
func TestAServerSpanEndsWhenTheAnswerBegins(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f, spans := traced(t, s, routeFile("open_wait: 1ms"))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	resp := do(t, clients(t)["HTTP1"], eventSource(ctx, t, f.url+"/watch/x"))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	spans.await(t, 1)
	leave()
	assert.Equal(t, "left", attributesOf(spans.await(t, 1)["end /watch/{topic}"])["grpcsse.stream.outcome"])
}

func TestTheSpansOfRefusals(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, _ grpc.ServerStreamingServer[streamv1.Event]) error {
		if r.GetTopic() == "down" {
			return status.Error(codes.Unavailable, "a message")
		}
		return status.Error(codes.NotFound, "a message")
	})
	f, spans := traced(t, s, routeFile())
	client := clients(t)["HTTP1"]
	const eventStream, watch = "text/event-stream", "GET /watch/{topic}"
	for name, tt := range map[string]struct {
		method, path, accept, span string
		status, code               string
		failed                     otelcodes.Code
	}{
		"by the upstream, as an event": {"GET", "/watch/x", eventStream, watch, "200", "NOT_FOUND", otelcodes.Unset},
		"by the upstream, as a status": {"GET", "/watch/x", "", watch, "404", "NOT_FOUND", otelcodes.Unset},
		"the upstream is down":         {"GET", "/watch/down", eventStream, watch, "200", "UNAVAILABLE", otelcodes.Error},
		"no route":                     {"GET", "/none/" + secret, "", "GET", "404", "NOT_FOUND", otelcodes.Unset},
		"no method":                    {"BREW", "/watch/x", "", "_OTHER", "405", "UNIMPLEMENTED", otelcodes.Unset},
		"HEAD":                         {"HEAD", "/watch/x", "", "HEAD /watch/{topic}", "200", "OK", otelcodes.Unset},
	} {
		r := eventSource(t.Context(), t, f.url+tt.path)
		r.Method = tt.method
		r.Header.Set("Accept", tt.accept)
		_ = newReader(do(t, client, r)).drain()
		span := spans.await(t, 1)[tt.span]
		about := attributesOf(span)
		assert.False(t, span.Parent.IsValid(), name)
		assert.Equal(t, tt.status, about["http.response.status_code"], name)
		assert.Equal(t, tt.code, about["rpc.response.status_code"], name)
		assert.Equal(t, tt.failed, span.Status.Code, name)
	}
}

func TestTheSpansOfASharedStream(t *testing.T) {
	w, seen := telling(1, nil)
	f, spans := traced(t, startServer(t, "127.0.0.1:0", w), routeFile("share: {late_join: all, linger: 1ms}"))
	newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Traceparent", clientParent))).all(t)
	found := spans.await(t, 3)
	served, opened := found["GET /watch/{topic}"], found["test.stream.v1.StreamService/Watch"]
	assert.Equal(t, clientTrace, served.SpanContext.TraceID().String())
	assert.Equal(t, trace.SpanKindClient, opened.SpanKind)
	assert.False(t, opened.Parent.IsValid(), "it belongs to no request")
	assert.NotEqual(t, clientTrace, opened.SpanContext.TraceID().String())
	require.Len(t, opened.Links, 1)
	assert.Equal(t, served.SpanContext.SpanID(), opened.Links[0].SpanContext.SpanID())
	assert.Equal(t, "OK", attributesOf(opened)["rpc.response.status_code"])
	assert.Equal(t, "false", attributesOf(opened)["grpcsse.reopening"])
	assert.Equal(t, []string{fmt.Sprintf("00-%s-%s-01", opened.SpanContext.TraceID(), opened.SpanContext.SpanID())},
		(<-seen).Get("traceparent"), "nothing of the client's trace is sent")
}

// The span of an opening waits for a silent upstream for some time only, and each opening has one.
func TestTheSpanOfAnOpening(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f, spans := traced(t, s, routeFile("open_wait: 1ms", "share: {late_join: all, linger: 1ms}"))
	do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))
	assert.Equal(t, "true", attributesOf(spans.await(t, 2)["test.stream.v1.StreamService/Watch"])["grpcsse.silent"])
}

func TestAHostileTraceContextIsNoParent(t *testing.T) {
	w, seen := telling(0, nil)
	f, spans := traced(t, startServer(t, "127.0.0.1:0", w), routeFile())
	client := clients(t)["HTTP1"]
	one, half := []string{clientParent}, strings.Repeat("x", 200)
	for name, tt := range map[string]struct {
		traceparent, tracestate []string
		parent                  bool
		state                   string
	}{
		"none":              {},
		"empty":             {traceparent: []string{""}},
		"upper case":        {traceparent: []string{strings.ToUpper(clientParent)}},
		"all zeros":         {traceparent: []string{"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"}},
		"no span":           {traceparent: []string{"00-" + clientTrace + "-0000000000000000-01"}},
		"version ff":        {traceparent: []string{"ff" + clientParent[2:]}},
		"too long":          {traceparent: []string{clientParent + "-" + strings.Repeat("x", 1000)}},
		"later":             {traceparent: []string{"01" + clientParent[2:] + "-more"}, parent: true},
		"later, too long":   {traceparent: []string{"01" + clientParent[2:] + "-" + strings.Repeat("x", 1000)}},
		"twice":             {traceparent: []string{clientParent, clientParent}},
		"not ASCII":         {traceparent: []string{"00-\x80-\xff-01"}},
		"a malformed state": {traceparent: one, tracestate: []string{"=,;"}, parent: true},
		"a state too long":  {traceparent: one, tracestate: []string{"a=" + half, "b=" + half, "c=" + half}, parent: true},
		"two states":        {traceparent: one, tracestate: []string{"a=1", "b=2"}, parent: true, state: "a=1,b=2"},
		"a state alone":     {tracestate: []string{"a=1"}},
	} {
		r := eventSource(t.Context(), t, f.url+"/watch/x")
		r.Header["Traceparent"], r.Header["Tracestate"] = tt.traceparent, tt.tracestate
		newReader(do(t, client, r)).all(t)
		served := spans.await(t, 2)["GET /watch/{topic}"]
		assert.Equal(t, tt.parent, served.Parent.IsValid(), name)
		md := <-seen
		require.Len(t, md.Get("traceparent"), 1, name)
		assert.Contains(t, md.Get("traceparent")[0], served.SpanContext.SpanID().String(), name)
		assert.Equal(t, tt.state, strings.Join(md.Get("tracestate"), ","), name)
	}
}

func TestNoSecretReachesATrace(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", tellSecrets)
	f, spans := traced(t, s, secretFile("")+`
  - {path: "/shared/{topic}", rpc: test.stream.v1.StreamService/Watch, event: {id: sequence}, share: {late_join: all}}
`)
	for _, path := range []string{"/watch/" + secret, "/" + secret, "/watch/x", "/shared/" + secret} {
		askWithSecrets(t, clients(t)["HTTP1"], f.url, path)
	}
	require.NoError(t, f.bridge.Shutdown(t.Context()))
	require.NotEmpty(t, spans.GetSpans())
	for _, span := range spans.GetSpans() {
		text, err := json.Marshal(struct {
			Name       string
			Attributes []attribute.KeyValue
			Events     []sdktrace.Event
			Links      []sdktrace.Link
			Status     sdktrace.Status
		}{span.Name, span.Attributes, span.Events, span.Links, span.Status})
		require.NoError(t, err)
		assert.NotContains(t, string(text), secret)
	}
}

// The access log has the id of the trace, also where the bridge makes no spans.
func TestTheAccessLogHasTheTrace(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f, log := accessed(t, s, routeFile())
	client := clients(t)["HTTP1"]
	for parent, want := range map[string]any{clientParent: clientTrace, "x": nil, "": nil} {
		newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Traceparent", parent))).all(t)
		assert.Equal(t, want, log.await(t, 1)[0]["trace_id"])
	}
}

// Where there are no spans, the upstream continues the trace of the client.
func TestAProviderWithoutSpans(t *testing.T) {
	w, seen := telling(1, nil)
	s := startServer(t, "127.0.0.1:0", w)
	for name, opt := range map[string]bridge.Option{
		"none": bridge.WithTracerProvider(nil), "noop": bridge.WithTracerProvider(noop.NewTracerProvider()),
	} {
		cfg := parse(t, s, routeFile())
		b, err := bridge.New(t.Context(), cfg, opt)
		require.NoError(t, err)
		require.NoError(t, b.Ready(t.Context()))
		url := serveHTTP(t, b)
		newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/x", "Traceparent", clientParent))).all(t)
		assert.Equal(t, []string{clientParent}, (<-seen).Get("traceparent"), name)
	}
}
