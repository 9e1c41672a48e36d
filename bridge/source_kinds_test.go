package bridge_test

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// sourceKinds has each way in which a program can put the code of a server's Watch behind a route.
func sourceKinds() map[string]func(t *testing.T, s *server, r *config.Route) (*config.Config, bridge.Option) {
	return map[string]func(t *testing.T, s *server, r *config.Route) (*config.Config, bridge.Option){
		"RPC": func(t *testing.T, s *server, r *config.Route) (*config.Config, bridge.Option) {
			conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, conn.Close()) })
			return nil, bridge.WithRoute(r, bridge.RPC(streamv1.NewStreamServiceClient(conn).Watch))
		},
		"Func": func(_ *testing.T, s *server, r *config.Route) (*config.Config, bridge.Option) {
			return nil, bridge.WithRoute(r, bridge.Func(iterate(s.Watch)))
		},
		"service": func(_ *testing.T, s *server, r *config.Route) (*config.Config, bridge.Option) {
			r.Service, r.Method = "test.stream.v1.StreamService", "Watch"
			return config.New(r), bridge.WithService(&streamv1.StreamService_ServiceDesc, s)
		},
	}
}

// everySource runs a test once for each kind of source. The route is /watch/{topic}, after change has changed it.
func everySource(t *testing.T, w watch, change func(*config.Route), test func(t *testing.T, s *server, f *front)) {
	for name, kind := range sourceKinds() {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", w)
			r := config.NewRoute("/watch/{topic}")
			r.OpenWait = patience // as in routeFile
			if change != nil {
				change(r)
			}
			cfg, opt := kind(t, s, r)
			test(t, s, startProgram(t, cfg, opt))
		})
	}
}

// startProgram does the same as startFront, for a bridge whose routes come from Go.
func startProgram(t *testing.T, cfg *config.Config, opts ...bridge.Option) *front {
	t.Helper()
	if cfg == nil {
		cfg = config.New()
	}
	cfg.Server.IOUring = ioUring(t)
	b, err := bridge.New(t.Context(), cfg, opts...)
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}
}

// iterate turns a watch into a function that returns an iterator.
func iterate(w watch) func(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
	return func(ctx context.Context, r *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
		return func(yield func(*streamv1.Event, error) bool) {
			stream := &yieldingStream{ctx: ctx, yield: yield}
			if err := w(r, stream); err != nil && !stream.left {
				yield(nil, err)
			}
		}
	}
}

// yieldingStream is a server stream whose Send calls yield.
type yieldingStream struct {
	grpc.ServerStream // nil
	ctx               context.Context
	yield             func(*streamv1.Event, error) bool
	left              bool
}

func (s *yieldingStream) Context() context.Context        { return s.ctx }
func (s *yieldingStream) SetHeader(md metadata.MD) error  { return grpc.SetHeader(s.ctx, md) }
func (s *yieldingStream) SendHeader(md metadata.MD) error { return grpc.SendHeader(s.ctx, md) }

func (s *yieldingStream) Send(e *streamv1.Event) error {
	if s.left = !s.yield(e, nil); s.left {
		return status.Error(codes.Canceled, "the iteration is over")
	}
	return nil
}
