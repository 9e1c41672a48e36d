package upstream_test

import (
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// watch is the body of the test service's streaming method.
type watch func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error

// server is a real gRPC server on loopback that counts its streams.
type server struct {
	streamv1.UnimplementedStreamServiceServer
	watch       watch
	open, total atomic.Int64
	address     string
	grpc        *grpc.Server

	mu    sync.Mutex
	peers map[string]int // open streams of each connection
}

func (s *server) Watch(req *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	s.open.Add(1)
	s.total.Add(1)
	from, _ := peer.FromContext(stream.Context())
	s.count(from.Addr.String(), 1)
	defer func() {
		s.count(from.Addr.String(), -1)
		s.open.Add(-1)
	}()
	return s.watch(req, stream)
}

func (s *server) count(from string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[from] += n
	if s.peers[from] == 0 {
		delete(s.peers, from)
	}
}

// streams is the number of open streams of each connection that has any.
func (s *server) streams() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.peers))
}

// serve runs a server until the test ends, and checks then that no goroutine is left that was started since.
func serve(t testing.TB, w watch, options ...grpc.ServerOption) *server {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	listener, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	return serveOn(t, listener, w, options...)
}

func serveOn(t testing.TB, listener net.Listener, w watch, options ...grpc.ServerOption) *server {
	t.Helper()
	s := &server{watch: w, address: listener.Addr().String(), grpc: grpc.NewServer(options...), peers: map[string]int{}}
	streamv1.RegisterStreamServiceServer(s.grpc, s)
	done := make(chan error, 1)
	go func() { done <- s.grpc.Serve(listener) }()
	t.Cleanup(func() {
		s.grpc.Stop()
		require.NoError(t, <-done)
	})
	return s
}

func (s *server) requireOpen(t testing.TB, want int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.open.Load() == want }, 5*time.Second, time.Millisecond,
		"streams open at the server")
}

func dial(t testing.TB, cfg upstream.Config) *upstream.Client {
	t.Helper()
	client, err := upstream.Dial(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// open calls Watch, and closes the stream when the test ends.
func open(t testing.TB, client *upstream.Client, req *streamv1.WatchRequest) *upstream.Stream {
	t.Helper()
	stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, marshal(t, req))
	require.NoError(t, err)
	t.Cleanup(stream.Close)
	return stream
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(m)
	require.NoError(t, err)
	return wire
}

// receive takes one message off the stream and decodes it.
func receive(t *testing.T, stream *upstream.Stream) *streamv1.Event {
	t.Helper()
	message, err := stream.Recv()
	require.NoError(t, err)
	defer message.Release()
	event := new(streamv1.Event)
	require.NoError(t, proto.Unmarshal(message.Bytes(), event))
	return event
}

// untilCancelled streams one event and then stays silent until the client leaves.
func untilCancelled(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}
