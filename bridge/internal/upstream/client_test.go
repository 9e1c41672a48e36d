package upstream_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

func TestDialRefusesWhatCannotWork(t *testing.T) {
	tests := map[string]struct {
		cfg  upstream.Config
		want string
	}{
		"no target":           {upstream.Config{}, "expected a target"},
		"balance":             {upstream.Config{Target: "a:1", Balance: "random"}, `expected balance "round_robin" or "pick_first", found "random"`},
		"negative limit":      {upstream.Config{Target: "a:1", MaxMessageBytes: -1}, "found -1"},
		"no connections":      {upstream.Config{Target: "a:1", Connections: -1}, "expected at least 1 connection, found -1"},
		"fewer at most":       {upstream.Config{Target: "a:1", Connections: 3, MaxConnections: 2}, "found 2 and 3"},
		"start timeout":       {upstream.Config{Target: "a:1", StartTimeout: -1}, "expected a start timeout above 0"},
		"idle timeout":        {upstream.Config{Target: "a:1", IdleTimeout: -1}, "expected an idle timeout above 0"},
		"metadata name":       {upstream.Config{Target: "a:1", Metadata: map[string]string{"x tenant": "a"}}, `metadata "x tenant"`},
		"no metadata name":    {upstream.Config{Target: "a:1", Metadata: map[string]string{"": "a"}}, `metadata ""`},
		"reserved metadata":   {upstream.Config{Target: "a:1", Metadata: map[string]string{"Grpc-Timeout": "1S"}}, "gRPC's own"},
		"metadata value":      {upstream.Config{Target: "a:1", Metadata: map[string]string{"x-tenant": "a\r\nb"}}, "printable ASCII"},
		"no metadata file":    {upstream.Config{Target: "a:1", MetadataFiles: map[string]string{"x-a": "nowhere"}}, "file nowhere"},
		"metadata blank":      {upstream.Config{Target: "a:1", Metadata: map[string]string{"x-tenant": "a "}}, "without blanks at its ends"},
		"metadata file":       {upstream.Config{Target: "a:1", MetadataFiles: map[string]string{"x-a": "client_test.go"}}, "printable ASCII"},
		"file and value":      {upstream.Config{Target: "a:1", Metadata: map[string]string{"x-a": "1"}, MetadataFiles: map[string]string{"X-A": "client_test.go"}}, "twice"},
		"reserved file":       {upstream.Config{Target: "a:1", MetadataFiles: map[string]string{"te": "client_test.go"}}, "gRPC's own"},
		"metadata twice":      {upstream.Config{Target: "a:1", Metadata: map[string]string{"x-a": "1", "X-A": "1"}}, "twice"},
		"missing CA file":     {upstream.Config{Target: "a:1", TLS: &upstream.TLS{CAFile: "nowhere.pem"}}, "tls.ca_file"},
		"CA file of no use":   {upstream.Config{Target: "a:1", TLS: &upstream.TLS{CAFile: "client_test.go"}}, "expected certificates in PEM form"},
		"half a certificate":  {upstream.Config{Target: "a:1", TLS: &upstream.TLS{CertFile: "c.pem"}}, "expected cert_file and key_file together"},
		"missing certificate": {upstream.Config{Target: "a:1", TLS: &upstream.TLS{CertFile: "c.pem", KeyFile: "k.pem"}}, "c.pem"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := upstream.Dial(test.cfg)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestServerThatIsDownIsAnErrorAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	for _, balance := range []string{upstream.RoundRobin, upstream.PickFirst} {
		t.Run(balance, func(t *testing.T) {
			client := dial(t, upstream.Config{Target: address, Balance: balance})
			for range 3 { // while connecting, and then in transient failure
				_, err = client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
				require.Equal(t, codes.Unavailable, status.Code(err))
				require.ErrorContains(t, err, "connection refused")
			}
		})
	}
}

func TestServerThatNeverAnswersIsBoundByTheContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // connects, and then says nothing
	require.NoError(t, err)
	defer listener.Close()
	client := dial(t, upstream.Config{Target: listener.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Open(ctx, streamv1.StreamService_Watch_FullMethodName, nil)
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
}

func TestServerThatDiesEndsItsStreams(t *testing.T) {
	s := serve(t, untilCancelled)
	stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
	receive(t, stream)
	go s.grpc.Stop()
	_, err := stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
}

func TestClientCloseEndsItsStreams(t *testing.T) {
	s := serve(t, untilCancelled)
	client, err := upstream.Dial(upstream.Config{Target: s.address})
	require.NoError(t, err)
	stream := open(t, client, nil)
	receive(t, stream)
	require.NoError(t, client.Close())
	_, err = stream.Recv()
	require.Equal(t, codes.Canceled, status.Code(err))
	s.requireOpen(t, 0)
	_, err = client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
	require.Equal(t, codes.Canceled, status.Code(err))
}

func TestUnixSocket(t *testing.T) {
	s := serve(t, untilCancelled)
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	go func() { _ = s.grpc.Serve(listener) }() // ends with the server
	receive(t, open(t, dial(t, upstream.Config{Target: "unix:" + path}), nil))
}

func TestFixedMetadataGoesOutWithEveryCall(t *testing.T) {
	seen := make(chan metadata.MD, 2)
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		seen <- md
		return nil
	}, grpc.UnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		seen <- md
		return new(streamv1.Event), nil
	}))
	client := dial(t, upstream.Config{Target: s.address, Metadata: map[string]string{"X-Tenant": "acme", "x-key-bin": "\x00\xff"}})

	open(t, client, nil)
	md := <-seen
	assert.Equal(t, []string{"acme"}, md.Get("x-tenant"))
	assert.Equal(t, []string{"\x00\xff"}, md.Get("x-key-bin"))
	assert.Contains(t, md.Get("user-agent")[0], "grpcsse")

	_, err := streamv1.NewStreamServiceClient(client.Conn()).Get(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"acme"}, (<-seen).Get("x-tenant"))

	// What a caller brings is kept, but for the names that are fixed.
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-user", "eve", "x-tenant", "other")
	for range 2 {
		stream, err := client.Open(ctx, streamv1.StreamService_Watch_FullMethodName, nil)
		require.NoError(t, err)
		defer stream.Close()
		md = <-seen
		assert.Equal(t, []string{"acme"}, md.Get("x-tenant"))
		assert.Equal(t, []string{"eve"}, md.Get("x-user"))
	}
}

func TestRoundRobinUsesEveryAddress(t *testing.T) {
	a, b := serve(t, untilCancelled), serve(t, untilCancelled)
	client := dialBoth(t, "twofold-rr", upstream.RoundRobin, a.address, b.address)
	require.Eventually(t, func() bool {
		receive(t, open(t, client, nil))
		return a.total.Load() > 0 && b.total.Load() > 0
	}, 5*time.Second, time.Millisecond)
}

func TestPickFirstStaysWithOneAddress(t *testing.T) {
	a, b := serve(t, untilCancelled), serve(t, untilCancelled)
	client := dialBoth(t, "twofold-pf", upstream.PickFirst, a.address, b.address)
	for range 20 {
		receive(t, open(t, client, nil))
	}
	require.Contains(t, []int64{0, 20}, a.total.Load())
	require.EqualValues(t, 20, a.total.Load()+b.total.Load())
}

// dialBoth resolves a name to two addresses.
func dialBoth(t *testing.T, scheme, balance, a, b string) *upstream.Client {
	t.Helper()
	return dial(t, upstream.Config{Target: names(t, scheme, a, b), Balance: balance})
}

// names is a target that stands for several addresses.
func names(t *testing.T, scheme string, addresses ...string) string {
	t.Helper()
	var state resolver.State
	for _, address := range addresses {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	builder := manual.NewBuilderWithScheme(scheme)
	builder.InitialState(state)
	resolver.Register(builder)
	return scheme + ":///servers"
}
