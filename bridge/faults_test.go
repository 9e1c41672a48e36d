package bridge_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

func TestAServerThatIsDownAtStart(t *testing.T) {
	lis, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	addr := lis.Addr().String()
	require.NoError(t, lis.Close())

	f := startFront(t, &server{addr: addr}, routeFile())
	_, resp, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/x")
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "route", answer.Reason)
	assert.True(t, answer.Retry)
	assert.NotContains(t, answer.Message, addr, "the browser learns nothing about the network of the bridge")
	require.Len(t, f.bridge.Routes(), 1)
	assert.ErrorContains(t, f.bridge.Routes()[0].Problem, addr)

	startServer(t, addr, count(1, nil))
	require.Eventually(t, func() bool {
		return len(newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)) == 2
	}, patience, patience/100, "the route is served once the server is up")
	assert.Nil(t, f.bridge.Routes()[0].Problem)
}

func TestARedeployedServerNeedsNoRestart(t *testing.T) {
	old := grpc.NewServer() // a server without the service
	lis, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	addr := lis.Addr().String()
	reflection.Register(old)
	var served sync.WaitGroup
	served.Go(func() { _ = old.Serve(lis) })

	f := startFront(t, &server{addr: addr}, routeFile())
	require.NotNil(t, f.bridge.Routes()[0].Problem)
	assert.Contains(t, f.bridge.Routes()[0].Problem.Message, "test.stream.v1.StreamService")
	old.Stop()
	served.Wait()

	startServer(t, addr, count(1, nil))
	require.Eventually(t, func() bool { return f.bridge.Routes()[0].Problem == nil }, patience, patience/100)
}

func TestAMistakeThatTheSchemaShowsAffectsOneRouteOnly(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, routeFile()+`
  - {path: /unary, rpc: test.stream.v1.StreamService/Get}
  - {path: /collect, rpc: test.stream.v1.StreamService/Collect}
  - {path: /chat, rpc: test.stream.v1.StreamService/Chat}
  - {path: /typo, rpc: test.stream.v1.StreamService/Wach}
  - {path: /nobody, rpc: test.stream.v1.StremService/Watch}
  - {path: "/{venue}", rpc: test.stream.v1.StreamService/Watch}
  - {path: /field, rpc: test.stream.v1.StreamService/Watch, event: {id: sequnce, name: filter, data: text}}
  - {path: /set, rpc: test.stream.v1.StreamService/Watch, request: {set: {count: many}}}
`)
	want := []string{
		"",
		"unary",
		"client-streaming",
		"bidirectional",
		"unknown method Wach",
		"StremService",
		"venue",
		"sequnce",
		"many",
	}
	routes := f.bridge.Routes()
	require.Len(t, routes, len(want))
	for i, info := range routes {
		if want[i] == "" {
			assert.Nil(t, info.Problem)
			continue
		}
		require.NotNil(t, info.Problem, info.Path)
		assert.Contains(t, info.Problem.Message, want[i])
		assert.Equal(t, fmt.Sprint("grpcsse.yaml:", i+7), info.Source)
	}
	assert.Len(t, newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t), 2)
	_, _, answer := ask(t, clients(t)["HTTP1"], f.url+"/typo")
	assert.Equal(t, "route", answer.Reason)
}

func TestCheckReportsEveryProblemOfARoute(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	cfg := parse(t, s, routeFile(
		"event: {id: sequnce, name: filter, data: text}", "request: {set: {count: many}}"))
	got := bridge.Check(t.Context(), cfg)
	var paths []string
	for _, p := range got {
		assert.False(t, p.Warning)
		paths = append(paths, p.Path)
	}
	assert.ElementsMatch(t, []string{"routes[0].event.id", "routes[0].event.name", "routes[0].event.data",
		"routes[0].request.set.count"}, paths)
	assert.Equal(t, "did you mean `sequence`?", got[0].Hint)
}

func TestCheckWarnsOfEventNamesThatWillBeRenamed(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	cfg := parse(t, s, routeFile("event: {name: body}"))
	got := bridge.Check(t.Context(), cfg)
	require.Len(t, got, 1)
	assert.True(t, got[0].Warning)
	assert.Contains(t, got[0].Message, "error_")
}

func TestAnEventOverItsLimit(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for _, size := range []int{10, 5000} {
			if err := stream.Send(&streamv1.Event{Text: strings.Repeat("x", size)}); err != nil {
				return err
			}
		}
		return untilCancelled(nil, stream)
	})
	for name, tt := range map[string]struct{ file, message string }{
		"as JSON":     {routeFile("max_event_bytes: 4KiB"), "max_event_bytes"},
		"on the wire": {strings.Replace(routeFile(), `"ADDR"`, `"ADDR", max_message_bytes: 4KiB`, 1), "max_message_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, tt.file)
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
			require.Len(t, got, 2)
			assert.Contains(t, got[1].data, `"code":15,"status":"DATA_LOSS"`)
			assert.Contains(t, got[1].data, `"retry":false,"reason":"message"`)
			assert.Contains(t, got[1].data, tt.message)
			s.requireStreams(t, 0)
		})
	}
}

// rawCodec lets a server send and receive bytes that are no message.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
	}
	b, err := proto.Marshal(v.(proto.Message))
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if raw, ok := v.(*[]byte); ok {
		*raw = data.Materialize()
		return nil
	}
	return proto.Unmarshal(data.Materialize(), v.(proto.Message))
}

var _ encoding.CodecV2 = rawCodec{}

func TestBytesThatDoNotParse(t *testing.T) {
	for name, raw := range map[string][]byte{
		"truncated":     {0x12, 0x05, 'a'},
		"bad tag":       {0x00},
		"invalid UTF-8": {0x12, 0x01, 0xff},
		"bad in data":   {0x2a, 0x02, 0x0a, 0x05}, // filter, cut short within
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				if err := stream.SendMsg(raw); err != nil {
					return err
				}
				return untilCancelled(nil, stream)
			}, grpc.ForceServerCodecV2(rawCodec{}))
			f := startFront(t, s, routeFile())
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
			require.Len(t, got, 1)
			assert.JSONEq(t, `{"code":15,"status":"DATA_LOSS","message":"a message of the upstream cannot be read",
				"retry":false,"reason":"message"}`, got[0].data)
			s.requireStreams(t, 0)
		})
	}
}
