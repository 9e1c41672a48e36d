package upstream

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func TestAServerThatIsAwayIsTriedAgainSoon(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{
		0: 2 * time.Second, time.Millisecond: time.Second, 1500 * time.Millisecond: 1500 * time.Millisecond, time.Minute: 2 * time.Second,
	} {
		params := Config{Reconnect: given}.connectParams()
		assert.Equal(t, want, params.Backoff.MaxDelay, given)
		assert.LessOrEqual(t, params.Backoff.BaseDelay, 200*time.Millisecond)
		assert.Equal(t, 10*time.Second, params.MinConnectTimeout)
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	config, err := (&TLS{}).config()
	require.NoError(t, err)
	assert.EqualValues(t, tls.VersionTLS12, config.MinVersion)
}

func TestTheAuthorityIsSent(t *testing.T) {
	authority := make(chan []string, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		authority <- md[":authority"]
		return nil
	}))
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); served.Wait() })
	s := listener.Addr().String()
	for given, want := range map[string]string{"market.internal": "market.internal", "": s} {
		c, err := Dial(Config{Target: s, Authority: given})
		require.NoError(t, err)
		stream, err := c.Open(t.Context(), "/test.S/Watch", nil)
		require.NoError(t, err)
		_, err = stream.Recv()
		require.Error(t, err)
		assert.Equal(t, []string{want}, <-authority)
		require.NoError(t, c.Close())
	}
}
