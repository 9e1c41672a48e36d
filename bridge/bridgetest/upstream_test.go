package bridgetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

const (
	watch  = "test.stream.v1.StreamService/Watch"
	routes = `
upstreams:
  test: {target: "${env.UPSTREAM}"}
routes:
  - path: /watch/{topic}
    rpc: test.stream.v1.StreamService/Watch
    request: {set: {after_sequence: "${last_event_id}"}}
    metadata: {forward: [x-request-source]}
    event: {id: sequence}
    open_wait: 10s
    reopen: {max_attempts: 1, backoff: {base: 1ms, max: 1ms}}
`
)

// service sends one event, and waits until its client leaves.
type service struct {
	streamv1.UnimplementedStreamServiceServer
	stuck chan struct{} // where it is not nil, the method waits for it and for nothing else
}

func (s service) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	if err := stream.Send(&streamv1.Event{Sequence: r.GetAfterSequence() + 1, Text: r.GetTopic()}); err != nil {
		return err
	}
	if s.stuck != nil {
		<-s.stuck
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (s service) register(to grpc.ServiceRegistrar) { streamv1.RegisterStreamServiceServer(to, s) }

func scripted() func(grpc.ServiceRegistrar) {
	return bridgetest.Scripted(streamv1.File_test_stream_v1_stream_proto)
}

func TestAServerOfOnesOwnIsWatched(t *testing.T) {
	up := bridgetest.NewUpstream(t, service{}.register)
	_, url := bridgetest.NewBridge(t, up.YAML(routes))
	page := bridgetest.Open(t, url+"/watch/news", "X-Request-Source", "ada")
	e := page.ExpectEvent("", `{"sequence":"1","text":"news"}`)
	assert.Equal(t, "1", e.ID)
	up.ExpectOpen(1)
	call := up.NextCall("Watch")
	assert.Equal(t, watch, call.Method)
	assert.Equal(t, []string{"ada"}, call.Metadata.Get("x-request-source"))
	assert.IsType(t, &streamv1.WatchRequest{}, call.Request)
	call.ExpectRequest(`{"topic":"news"}`)

	again := page.Reconnect()
	call.ExpectCancel()
	again.ExpectEvent("", `{"sequence":"2"}`)
	up.NextCall(watch).ExpectRequest(`{"topic":"news", "after_sequence": 1}`)
	again.Close()
	up.ExpectOpen(0)
}

func TestAScriptedServiceDoesWhatTheTestSays(t *testing.T) {
	up := bridgetest.NewUpstream(t, scripted())
	cfg := up.YAML(strings.Replace(routes, "metadata: {", "metadata: {expose: [x-version], ", 1))
	_, url := bridgetest.NewBridge(t, cfg)
	page := bridgetest.Open(t, url+"/watch/news")
	call := up.NextCall("")
	call.SendHeader("x-version", "3")
	assert.Equal(t, "3", page.Header().Get("X-Version"))
	call.SendJSON(`{"sequence": 4}`, `{"sequence": 5}`)
	call.Send(&streamv1.Event{Sequence: 6})
	for _, id := range []string{"4", "5", "6"} {
		assert.Equal(t, id, page.ExpectEvent("", `{"sequence":"`+id+`"}`).ID)
	}
	st, err := status.New(codes.NotFound, "no such topic").WithDetails(&errdetails.ErrorInfo{Reason: "GONE"})
	require.NoError(t, err)
	call.End(st.Err())
	page.ExpectEnd(`{"status":"NOT_FOUND","message":"no such topic","retry":false,"reason":"upstream","details":[{"reason":"GONE"}]}`)
	assert.Equal(t, 204, page.Reconnect().Status())
	up.ExpectOpen(0)

	page = bridgetest.Open(t, url+"/watch/other", "Last-Event-ID", "6")
	call = up.NextCall(watch)
	call.ExpectRequest(`{"topic":"other","afterSequence":"6"}`)
	call.End(nil)
	page.ExpectEnd(`{"status":"OK"}`)
}

// The descriptors need not be those of generated code.
func TestAScriptedServiceNeedsNoCode(t *testing.T) {
	file := protodesc.ToFileDescriptorProto(streamv1.File_test_stream_v1_stream_proto)
	file.Package, file.Name = new("elsewhere.v1"), new("elsewhere.proto")
	for _, m := range file.GetMessageType() {
		for _, f := range m.GetField() {
			if f.TypeName != nil {
				f.TypeName = new(strings.Replace(f.GetTypeName(), ".test.stream.v1.", ".elsewhere.v1.", 1))
			}
		}
		for _, nested := range m.GetNestedType() {
			for _, f := range nested.GetField() {
				if f.TypeName != nil {
					f.TypeName = new(strings.Replace(f.GetTypeName(), ".test.stream.v1.", ".elsewhere.v1.", 1))
				}
			}
		}
	}
	for _, m := range file.GetService()[0].GetMethod() {
		m.InputType = new(strings.Replace(m.GetInputType(), ".test.stream.v1.", ".elsewhere.v1.", 1))
		m.OutputType = new(strings.Replace(m.GetOutputType(), ".test.stream.v1.", ".elsewhere.v1.", 1))
	}
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	require.NoError(t, err)

	up := bridgetest.NewUpstream(t, bridgetest.Scripted(descriptor))
	_, url := bridgetest.NewBridge(t, up.YAML(strings.ReplaceAll(routes, "test.stream.v1", "elsewhere.v1")))
	page := bridgetest.Open(t, url+"/watch/news?count=3")
	call := up.NextCall("elsewhere.v1.StreamService/Watch")
	call.ExpectRequest(`{"topic":"news","count":3}`)
	call.SendJSON(`{"sequence":"1","text":"one"}`)
	page.ExpectEvent("", `{"text":"one"}`)
	call.End(status.Error(codes.Unavailable, "later")) // the bridge opens the stream again
	call = up.NextCall("Watch")
	call.ExpectRequest(`{"topic":"news","count":3,"afterSequence":"1"}`)
	call.End(status.Error(codes.PermissionDenied, "never"))
	page.ExpectEnd(`{"status":"PERMISSION_DENIED","message":"never"}`)
}

func TestAServerIsKilledAndComesBack(t *testing.T) {
	up := bridgetest.NewUpstream(t, service{}.register)
	_, url := bridgetest.NewBridge(t, up.YAML(routes))
	addr := up.Addr
	page := bridgetest.Open(t, url+"/watch/news")
	page.ExpectEvent("", `{"sequence":"1"}`)
	up.Kill()
	up.NextCall("Watch").ExpectCancel()
	up.ExpectOpen(0)
	page.ExpectEnd(`{"status":"UNAVAILABLE","retry":true}`)
	up.Kill() // nothing to kill

	page = page.Reconnect()
	page.ExpectEnd(`{"status":"UNAVAILABLE","retry":true}`)

	up.Restart()
	assert.Equal(t, addr, up.Addr)
	for began := time.Now(); ; {
		page = page.Reconnect()
		e := page.Next()
		if e.Name == "" {
			assert.Equal(t, "2", e.ID)
			return
		}
		require.Less(t, time.Since(began), 20*time.Second, "the last event: %s", e)
	}
}

func TestTheFileOfADeploymentIsServed(t *testing.T) {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams:
  test:
    target: "dns:///streams.internal:443"
    tls: {server_name: streams.internal}
    schema: {descriptor_set: nowhere.binpb}
    metadata: {x-tenant: acme}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch}
`))
	require.NoError(t, err)
	up := bridgetest.NewUpstream(t, service{}.register)
	up.Replace(cfg, "test")
	_, url := bridgetest.NewBridge(t, cfg)
	bridgetest.Open(t, url+"/watch/news").ExpectEvent("", `{"text":"news"}`)
	assert.Equal(t, []string{"acme"}, up.NextCall("").Metadata.Get("x-tenant"))
}

// Options of the server work beside the interceptor that records.
func TestTheServerHasOptions(t *testing.T) {
	var seen []string
	up := bridgetest.NewUpstream(t, scripted(), grpc.StreamInterceptor(
		func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			if strings.HasSuffix(info.FullMethod, "/Watch") {
				seen = append(seen, info.FullMethod)
			}
			return handler(srv, stream)
		}))
	_, url := bridgetest.NewBridge(t, up.YAML(routes))
	page := bridgetest.Open(t, url+"/watch/news")
	up.NextCall("").End(nil)
	page.ExpectEnd(`{"status":"OK"}`)
	assert.Equal(t, []string{"/" + watch}, seen)
}

// Each expectation fails, and says what was found instead.
func TestAnUpstreamThatIsNotAsExpectedFails(t *testing.T) {
	for name, tt := range map[string]struct {
		expect func(*bridgetest.Upstream, *bridgetest.Call)
		want   string
	}{
		"no call": {
			func(u *bridgetest.Upstream, _ *bridgetest.Call) { u.NextCall("") },
			"expected a call of any method within 50ms; calls before: \n  " + watch + ` {"topic":"news"} (open)` + "\n(where the bridge has refused a page,",
		},
		"no call of this method": {
			func(u *bridgetest.Upstream, _ *bridgetest.Call) { u.NextCall("Other") }, "expected a call of Other within 50ms",
		},
		"too many streams": {
			func(u *bridgetest.Upstream, _ *bridgetest.Call) { u.ExpectOpen(0) },
			"expected 0 open streams at the upstream within 50ms, found: \n  " + watch,
		},
		"too few streams": {
			func(u *bridgetest.Upstream, c *bridgetest.Call) { c.End(nil); u.ExpectOpen(1) }, "within 50ms, found: none",
		},
		"another request": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.ExpectRequest(`{"topic":"old"}`) },
			"expected the request {\"topic\":\"old\"}\nfound {\"topic\":\"news\"}",
		},
		"a request with more": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.ExpectRequest(`{}`) }, "expected the request {}\nfound {\"topic\":\"news\"}",
		},
		"a request with no such field": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.ExpectRequest(`{"nope":1}`) }, "is no test.stream.v1.WatchRequest",
		},
		"a message with no such field": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.SendJSON(`{"nope":1}`) }, "is no test.stream.v1.Event",
		},
		"a message of another type": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.Send(&streamv1.WatchRequest{}) },
			"sends messages of type test.stream.v1.Event, found test.stream.v1.WatchRequest",
		},
		"a header of half a pair": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.SendHeader(strings.Fields("a")...) }, `names and values in turn, found ["a"]`,
		},
		"a message behind the end": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.End(nil); c.SendJSON(`{}`) }, "cannot send {}: the stream is over",
		},
		"two ends": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.End(nil); c.End(errors.New("again")) },
			"cannot end the stream: the stream is over",
		},
		"a header behind a message": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.SendJSON(`{}`); c.SendHeader("a", "b") }, "cannot send a header: ",
		},
		"no cancel": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.ExpectCancel() },
			"expected the bridge to leave the stream within 50ms, but it is open",
		},
		"an end for a cancel": {
			func(_ *bridgetest.Upstream, c *bridgetest.Call) { c.End(nil); c.ExpectCancel() }, "but the method had ended it",
		},
		"an unknown upstream": {
			func(u *bridgetest.Upstream, _ *bridgetest.Call) { u.Replace(u.YAML(routes), "market") },
			`the configuration has no upstream "market": its upstreams are test`,
		},
		"an upstream where there is none": {
			func(u *bridgetest.Upstream, _ *bridgetest.Call) { u.Replace(config.New(), "market") }, "its upstreams are none",
		},
		"a file with a mistake": {
			func(u *bridgetest.Upstream, _ *bridgetest.Call) { u.YAML("rotes: []") }, "grpcsse.yaml:1:1: rotes: unknown key `rotes`",
		},
	} {
		t.Run(name, func(t *testing.T) {
			failure := failureOf(func(tb testing.TB) {
				up := bridgetest.NewUpstream(tb, scripted())
				_, url := bridgetest.NewBridge(tb, up.YAML(routes))
				bridgetest.Open(tb, url+"/watch/news")
				call := up.NextCall("")
				up.Timeout = short
				tt.expect(up, call)
			})
			assert.Contains(t, failure, tt.want)
		})
	}
}

func TestAMethodWithCodeIsNotTold(t *testing.T) {
	failure := failureOf(func(tb testing.TB) {
		up := bridgetest.NewUpstream(tb, service{}.register)
		_, url := bridgetest.NewBridge(tb, up.YAML(routes))
		bridgetest.Open(tb, url+"/watch/news")
		up.NextCall("").Send(&streamv1.Event{})
	})
	assert.Contains(t, failure, watch+" is served by its own code")
}

func TestABridgeWithProblemsFails(t *testing.T) {
	up := bridgetest.NewUpstream(t, scripted())
	for change, want := range map[string][2]string{
		"in the schema": {"StreamService/Watch", "StreamService/Wach"},
		"in the file":   {"rpc: test.stream.v1.StreamService/Watch", "rpc: test.stream.v1.StreamService/Get"},
	} {
		t.Run(change, func(t *testing.T) {
			failure := failureOf(func(tb testing.TB) {
				bridgetest.NewBridge(tb, up.YAML(strings.Replace(routes, want[0], want[1], 1)))
			})
			assert.Contains(t, failure, "bridgetest: the configuration has problems:\ngrpcsse.yaml:6")
		})
	}
	cfg := up.YAML(routes)
	cfg.Routes[0].Path = "no slash"
	assert.Contains(t, failureOf(func(tb testing.TB) { bridgetest.NewBridge(tb, cfg) }), "no slash")
}

// A method that ignores the end of its context is named.
func TestAMethodThatGoesOnFails(t *testing.T) {
	stuck := make(chan struct{})
	failure := failureOf(func(tb testing.TB) {
		up := bridgetest.NewUpstream(tb, service{stuck: stuck}.register)
		_, url := bridgetest.NewBridge(tb, up.YAML(routes))
		bridgetest.Open(tb, url+"/watch/news").Next()
		up.Timeout = short
	})
	close(stuck)
	assert.Contains(t, failure, "a method of the upstream goes on 50ms after the end of its context: \n  "+watch)
}

// A client that does not read makes Send fail, and not wait for ever.
func TestAMessageThatIsNotReadFails(t *testing.T) {
	failure := failureOf(func(tb testing.TB) {
		up := bridgetest.NewUpstream(tb, scripted())
		conn, err := grpc.NewClient(up.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		tb.Cleanup(func() { _ = conn.Close() })
		ctx, cancel := context.WithCancel(context.Background())
		tb.Cleanup(cancel)
		_, err = streamv1.NewStreamServiceClient(conn).Watch(ctx, &streamv1.WatchRequest{})
		require.NoError(t, err)
		call := up.NextCall("")
		up.Timeout = short
		for range 100 {
			call.Send(&streamv1.Event{Text: strings.Repeat("x", 100_000)})
		}
	})
	assert.Contains(t, failure, "the bridge has read too little for 50ms")
}

// A scripted service knows its test by the server that NewUpstream has made.
func TestAScriptedServiceOfAnotherServerSaysSo(t *testing.T) {
	descriptor := streamv1.File_test_stream_v1_stream_proto
	server := grpc.NewServer()
	bridgetest.Scripted(descriptor)(server)
	assert.Len(t, server.GetServiceInfo()["test.stream.v1.StreamService"].Methods, 1, "server-streaming methods only")
}
