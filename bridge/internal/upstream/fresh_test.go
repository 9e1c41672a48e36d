package upstream_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// age makes files look as if they had been complete for a minute.
func age(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		at := time.Now().Add(-time.Minute)
		require.NoError(t, os.Chtimes(file, at, at))
	}
}

func TestMetadataOfAFileIsReadAgain(t *testing.T) {
	seen := make(chan []string, 1)
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		seen <- md.Get("authorization")
		return nil
	})
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("Bearer one\n"), 0o600))
	var stale atomic.Int64
	client := dial(t, upstream.Config{
		Target: s.address, MetadataFiles: map[string]string{"Authorization": file}, Metadata: map[string]string{"x-tenant": "a"},
		Hooks: upstream.Hooks{OnStale: func(error) { stale.Add(1) }},
	})
	sent := func() []string {
		stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
		require.NoError(t, err)
		defer stream.Close()
		return <-seen
	}
	require.Equal(t, []string{"Bearer one"}, sent())
	require.NoError(t, os.WriteFile(file, []byte("Bearer two\n"), 0o600))
	age(t, file)
	require.Eventually(t, func() bool { return sent()[0] == "Bearer two" }, 10*time.Second, 50*time.Millisecond)
	assert.Zero(t, stale.Load())

	require.NoError(t, os.Remove(file))
	require.Eventually(t, func() bool { _ = sent(); return stale.Load() == 1 }, 10*time.Second, 50*time.Millisecond)
	assert.Equal(t, []string{"Bearer two"}, sent(), "the old value stays in use")
	require.NoError(t, os.WriteFile(file, []byte("Bearer three\n"), 0o600))
	age(t, file)
	require.Eventually(t, func() bool { return sent()[0] == "Bearer three" }, 10*time.Second, 50*time.Millisecond)
	assert.EqualValues(t, 1, stale.Load())
}

// The server moves to a certificate of another authority. The client trusts it once ca_file has that authority.
func TestTheCAFileIsReadAgain(t *testing.T) {
	old, next := newAuthority(t), newAuthority(t)
	listener, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	s := serveOn(t, listener, untilCancelled, old.serverOption(t, false))
	var stale atomic.Int64
	ca := old.path("ca.crt")
	client := dial(t, upstream.Config{
		Target: s.address, TLS: &upstream.TLS{CAFile: ca, ServerName: "market.test"},
		Hooks: upstream.Hooks{OnStale: func(error) { stale.Add(1) }},
	})
	stream := open(t, client, nil)
	receive(t, stream)

	// A broken file changes nothing: a connection to the old server is made with what was read before.
	good, err := os.ReadFile(ca)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ca, []byte("broken"), 0o600))
	age(t, ca)
	restart := func(option grpc.ServerOption) {
		s.grpc.Stop()
		listener, err := net.Listen("tcp", s.address)
		require.NoError(t, err)
		s = serveOn(t, listener, untilCancelled, option)
	}
	pair, err := tls.LoadX509KeyPair(old.path("server.crt"), old.path("server.key"))
	require.NoError(t, err)
	restart(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))
	serves := func() bool {
		stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
		if err != nil {
			return false
		}
		defer stream.Close()
		_, err = stream.Recv()
		return err == nil
	}
	require.Eventually(t, serves, 10*time.Second, 10*time.Millisecond)
	assert.EqualValues(t, 1, stale.Load())

	restart(next.serverOption(t, false))
	require.NoError(t, os.WriteFile(ca, good, 0o600))
	age(t, ca)
	require.Eventually(t, func() bool { return !serves() }, 10*time.Second, 10*time.Millisecond)
	renewed, err := os.ReadFile(next.path("ca.crt"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ca, renewed, 0o600))
	age(t, ca)
	require.Eventually(t, serves, 10*time.Second, 10*time.Millisecond)
}
