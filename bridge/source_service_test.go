package bridge_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// saying returns a watch that sends one event with a text.
func saying(text string) watch {
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		return stream.Send(&streamv1.Event{Text: text})
	}
}

func parsed(t *testing.T, file string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(file))
	require.NoError(t, err)
	return cfg
}

func TestAServiceOfTheProcessHasPrecedenceOverUpstreams(t *testing.T) {
	remote := startServer(t, "127.0.0.1:0", saying("remote"))
	local := startServer(t, "127.0.0.1:0", saying("local"))
	cfg := parsed(t, strings.ReplaceAll(`
upstreams:
  test: {target: "ADDR"}
routes:
  - {path: /found, rpc: test.stream.v1.StreamService/Watch}
  - {path: /named, rpc: test.stream.v1.StreamService/Watch, upstream: test}
`, "ADDR", remote.addr))
	f := startProgram(t, cfg, bridge.WithService(&streamv1.StreamService_ServiceDesc, local))
	for path, want := range map[string]string{"/found": "local", "/named": "remote"} {
		got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+path))).all(t)
		require.Len(t, got, 2)
		assert.Contains(t, got[0].data, `"text":"`+want+`"`)
	}
	infos := f.bridge.Routes()
	assert.Equal(t, "in-process", infos[0].Upstream)
	assert.Equal(t, "test", infos[1].Upstream)
}

func TestAMethodThatAServiceOfTheProcessLacks(t *testing.T) {
	r := config.NewRoute("/a")
	r.Service, r.Method = "test.stream.v1.StreamService", "Wach"
	f := startProgram(t, config.New(r), bridge.WithService(&streamv1.StreamService_ServiceDesc, streamv1.UnimplementedStreamServiceServer{}))
	problems := f.bridge.Problems()
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Message, "unknown method Wach")
	assert.Contains(t, problems[0].Hint, "Watch")
}

func TestEveryMethodOfAServiceOfTheProcess(t *testing.T) {
	cfg := config.New()
	cfg.ServeAll = true
	f := startProgram(t, cfg, bridge.WithService(&streamv1.StreamService_ServiceDesc, startServer(t, "127.0.0.1:0", count(1, nil))))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/test.stream.v1.StreamService/Watch"))).all(t)
	assert.Len(t, got, 2)
}

func TestInterceptorsOfAServiceRunInTheirOrder(t *testing.T) {
	order := make(chan string, 10)
	check := func(impl any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		order <- "check " + info.FullMethod
		md, _ := metadata.FromIncomingContext(stream.Context())
		if len(md.Get("authorization")) == 0 {
			return status.Error(codes.Unauthenticated, "who is it?")
		}
		return next(impl, stream)
	}
	inner := func(impl any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		order <- "inner"
		return next(impl, stream)
	}
	r := config.NewRoute("/a")
	r.Service, r.Method = "test.stream.v1.StreamService", "Watch"
	r.Metadata.Forward = []string{"authorization"}
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startProgram(t, config.New(r), bridge.WithService(&streamv1.StreamService_ServiceDesc, s, check, inner))

	resp := do(t, clients(t)["HTTP1"], plain(t, f.url+"/a"))
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	assert.Zero(t, s.opened.Load())
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/a", "Authorization", "Bearer x"))).all(t)
	assert.Len(t, got, 2)
	require.Len(t, order, 3)
	for _, want := range []string{"check /test.stream.v1.StreamService/Watch", "check /test.stream.v1.StreamService/Watch", "inner"} {
		assert.Equal(t, want, <-order)
	}
}

func TestValuesThatAreNoServices(t *testing.T) {
	unlinked := streamv1.StreamService_ServiceDesc
	unlinked.ServiceName = "nowhere.Service"
	s := streamv1.UnimplementedStreamServiceServer{}
	for name, tt := range map[string]struct {
		opts []bridge.Option
		want string
	}{
		"nil":                    {[]bridge.Option{bridge.WithService(nil, s)}, "expected a service, found nil"},
		"no impl":                {[]bridge.Option{bridge.WithService(&streamv1.StreamService_ServiceDesc, nil)}, "expected an implementation of streamv1.StreamServiceServer, found <nil>"},
		"wrong impl":             {[]bridge.Option{bridge.WithService(&streamv1.StreamService_ServiceDesc, t)}, "found *testing.T"},
		"not linked":             {[]bridge.Option{bridge.WithService(&unlinked, s)}, "bridge.WithService(nowhere.Service): expected a service whose generated code is linked"},
		"the same service twice": {[]bridge.Option{bridge.WithService(&streamv1.StreamService_ServiceDesc, s), bridge.WithService(&streamv1.StreamService_ServiceDesc, s)}, "the service is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bridge.New(t.Context(), nil, tt.opts...)
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
}

func TestNoStreamBeginsAfterClose(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	r := config.NewRoute("/watch/{topic}")
	cfg, opt := sourceKinds()["service"](t, s, r)
	b, err := bridge.New(context.WithoutCancel(t.Context()), cfg, opt)
	require.NoError(t, err)
	url := serveHTTP(t, b)
	require.NoError(t, b.Close())
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/x"))).all(t)
	require.Len(t, got, 1)
	assert.Zero(t, s.opened.Load())
}
