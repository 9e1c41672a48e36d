package app

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// startHealth serves the health service of gRPC, whose Watch streams, until the test ends.
func startHealth(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); served.Wait() })
	return listener.Addr().String()
}

// startServe runs `grpcsse serve` with a file until stop is called, or the test ends.
func startServe(t *testing.T, file string) (address string, stop func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	stderr := &lines{wrote: make(chan struct{}, 1)}
	code := make(chan int, 1)
	go func() { code <- Main(ctx, []string{"serve", "--strict", "--config", path}, io.Discard, stderr) }()
	t.Cleanup(func() {
		cancel()
		assert.Zero(t, <-code)
	})
	return stderr.find(t, `address=(\S+) tls=`), cancel
}

func TestStreamsOutliveSIGTERMAndAreParked(t *testing.T) {
	address, stop := startServe(t, `
server: {listen: "127.0.0.1:0", drain_timeout: 1s}
upstreams: {health: {target: "`+startHealth(t)+`"}}
routes:
  - {path: /watch, rpc: grpc.health.v1.Health/Watch}
`)
	protocols := map[string]*http.Protocols{"HTTP/1.1": new(http.Protocols), "h2c": new(http.Protocols)}
	protocols["HTTP/1.1"].SetHTTP1(true)
	protocols["h2c"].SetUnencryptedHTTP2(true)
	streams := map[string]*bufio.Reader{}
	for name, p := range protocols {
		transport := &http.Transport{Protocols: p, DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/watch", nil)
		require.NoError(t, err)
		r.Header.Set("Accept", "text/event-stream")
		resp, err := (&http.Client{Transport: transport}).Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		if runtime.GOOS == "linux" {
			assert.Equal(t, name == "HTTP/1.1", resp.Close, "a connection that is parked serves nothing else")
		}
		streams[name] = bufio.NewReader(resp.Body)
		for line := ""; !strings.HasPrefix(line, "data: "); {
			line, err = streams[name].ReadString('\n')
			require.NoError(t, err)
		}
	}
	stop()
	for name, stream := range streams {
		rest, err := io.ReadAll(stream)
		require.NoError(t, err, name)
		assert.Contains(t, string(rest), `"retry":true,"reason":"drain"`, name)
	}
}

func TestTheHeaderOfARequestIsBounded(t *testing.T) {
	address, _ := startServe(t, `
server: {listen: "127.0.0.1:0", limits: {request_bytes: 8KiB}}
upstreams: {health: {target: "`+startHealth(t)+`"}}
routes:
  - {path: /watch, rpc: grpc.health.v1.Health/Watch}
`)
	for size, want := range map[int]int{4 << 10: http.StatusNotFound, 20 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/nowhere", nil)
		require.NoError(t, err)
		r.Header.Set("X-Large", strings.Repeat("x", size))
		transport := new(http.Transport)
		resp, err := (&http.Client{Transport: transport}).Do(r)
		require.NoError(t, err)
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		assert.Equal(t, want, resp.StatusCode)
	}
}
