package source_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const watchMethod = "/test.stream.v1.StreamService/Watch"

// watch is what the code behind a source does with one stream.
type watch func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error

// server implements the test service.
type server struct {
	streamv1.UnimplementedStreamServiceServer
	watch watch
}

func (s server) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	return s.watch(r, stream)
}

func serviceOf(w watch, interceptors ...grpc.StreamServerInterceptor) source.Service {
	return source.Service{Desc: &streamv1.StreamService_ServiceDesc, Impl: server{watch: w}, Interceptors: interceptors}
}

// runsHere are the kinds of sources whose code the runner runs.
func runsHere() map[string]func(*source.Runner, watch) source.Source {
	return map[string]func(*source.Runner, watch) source.Source{
		"Func":    func(r *source.Runner, w watch) source.Source { return source.Func(iterate(w)).Source(r, nil) },
		"service": func(r *source.Runner, w watch) source.Source { return serviceOf(w).Source(r) },
	}
}

// kinds are all kinds of sources that a program can have.
func kinds() map[string]func(*source.Runner, watch) source.Source {
	all := runsHere()
	all["RPC"] = func(r *source.Runner, w watch) source.Source {
		return source.RPC(client{serviceOf(w).Source(r)}.Watch).Source(r, nil)
	}
	return all
}

// rig is one source in a bubble of synctest.
type rig struct {
	source.Source
	runner *source.Runner
	log    *bytes.Buffer
}

func (r rig) open(ctx context.Context, t *testing.T, md ...string) source.Stream {
	t.Helper()
	request, err := proto.Marshal(&streamv1.WatchRequest{Topic: "x"})
	require.NoError(t, err)
	stream, err := r.Open(ctx, watchMethod, request, metadata.Pairs(md...))
	require.NoError(t, err)
	return stream
}

// every runs a test once for each kind of source, in fake time. The code of the source must return before the test ends.
func every(t *testing.T, kinds map[string]func(*source.Runner, watch) source.Source, w watch, test func(t *testing.T, r rig)) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				runner := source.NewRunner(slog.New(slog.NewTextHandler(&log, nil)))
				test(t, rig{Source: kind(runner, w), runner: runner, log: &log})
				runner.Close()
			})
		})
	}
}

// receive returns the next event.
func receive(t *testing.T, stream source.Stream) *streamv1.Event {
	t.Helper()
	wire, err := stream.Recv()
	require.NoError(t, err)
	var e streamv1.Event
	require.NoError(t, proto.Unmarshal(wire, &e))
	return &e
}

// requireEnd checks that a stream ends with a status.
func requireEnd(t *testing.T, stream source.Stream, code codes.Code, message string) {
	t.Helper()
	for {
		_, err := stream.Recv()
		if err == nil {
			continue
		}
		st, ok := status.FromError(err)
		require.True(t, ok, "the error has a status: %v", err)
		assert.Equal(t, code, st.Code())
		assert.Contains(t, st.Message(), message)
		return
	}
}

// untilCancelled sends nothing, and ends when its context does.
func untilCancelled(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// count sends n events and ends with err.
func count(n int64, err error) watch {
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range n {
			if err := stream.Send(&streamv1.Event{Sequence: i + 1}); err != nil {
				return err
			}
		}
		return err
	}
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

// client is a generated client without a connection: another source answers its calls.
type client struct{ source.Source }

func (c client) Watch(ctx context.Context, r *streamv1.WatchRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[streamv1.Event], error) {
	wire, err := proto.Marshal(r)
	if err != nil {
		return nil, err
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	stream, err := c.Open(ctx, watchMethod, wire, md)
	if err != nil {
		return nil, err
	}
	return clientStream{stream: stream}, nil
}

type clientStream struct {
	grpc.ClientStream // nil
	stream            source.Stream
}

func (s clientStream) Header() (metadata.MD, error) {
	md, ok := s.stream.Header()
	if ok && md == nil {
		md = metadata.MD{}
	}
	return md, nil
}

func (s clientStream) Recv() (*streamv1.Event, error) {
	wire, err := s.stream.Recv()
	if err != nil {
		return nil, err
	}
	var e streamv1.Event
	return &e, proto.Unmarshal(wire, &e)
}

// brokenStream is the stream of a generated client that fails.
type brokenStream struct {
	grpc.ClientStream // nil
	err               error
}

func (s brokenStream) Header() (metadata.MD, error)   { return nil, s.err }
func (s brokenStream) Recv() (*streamv1.Event, error) { return nil, s.err }

func TestOnlyEOFItselfIsAnOKEndOfAClient(t *testing.T) {
	open := func(ctx context.Context, _ *streamv1.WatchRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[streamv1.Event], error) {
		return brokenStream{err: ctx.Value(failure{}).(error)}, nil
	}
	src := source.RPC(open).Source(nil, nil)
	for want, err := range map[string]error{
		"EOF":     io.EOF,
		"Unknown": fmt.Errorf("the proxy: %w", io.EOF),
		"Aborted": status.Error(codes.Aborted, ""),
	} {
		stream := rig{Source: src}.open(context.WithValue(t.Context(), failure{}, err), t)
		_, begun := stream.Header()
		assert.False(t, begun)
		_, got := stream.Recv()
		if want == "EOF" {
			assert.Equal(t, io.EOF, got)
		} else {
			st, ok := status.FromError(got)
			require.True(t, ok, "%v has no status", got)
			assert.Equal(t, want, st.Code().String())
		}
		stream.Close()
	}
}

type failure struct{}
