package front

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that should happen soon.
const patience = 20 * time.Second

// startUpstream serves the health service of gRPC, whose Watch streams, until the test ends.
func startUpstream(t *testing.T) (address string) {
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

// rig is a front that runs.
type rig struct {
	address string
	secure  bool
	log     *logged
	stop    context.CancelFunc // begins the drain
	done    chan struct{}      // closed when Run has returned
}

// start runs a front with a bridge, whose route is /watch, until the test ends. change may be nil.
func start(t *testing.T, change func(*Front)) *rig {
	t.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
server: {drain_timeout: 1s, header_timeout: 2s}
upstreams: {health: {target: "`+startUpstream(t)+`"}}
routes:
  - {path: /watch, rpc: grpc.health.v1.Health/Watch, share: {late_join: latest}}
`))
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	log := new(logged)
	f := &Front{
		Settings: Settings{Server: cfg.Server, Room: Room{Connections: 1000, Lobby: 8}},
		Listener: listener, Bridge: b, Handler: b, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if change != nil {
		change(f)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &rig{address: listener.Addr().String(), secure: f.Server.TLS != nil, log: log, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		assert.NoError(t, f.Run(ctx))
	}()
	t.Cleanup(func() {
		stop()
		<-r.done
		assert.NoError(t, b.Close())
	})
	return r
}

// secured has a front serve TLS.
func secured(t *testing.T) func(*Front) {
	t.Helper()
	dir := t.TempDir()
	files := &config.ServerTLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	writePair(t, files, "bridge.example")
	return func(f *Front) { f.Server.TLS = files }
}

// logged is a log. It may be used concurrently.
type logged struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// protocol is a version of HTTP that clients use.
type protocol string

const (
	http1 protocol = "HTTP/1.1"
	http2 protocol = "HTTP/2.0"
)

// client returns a client with connections of its own. first is sent at the beginning of each connection, before TLS.
func (r *rig) client(t *testing.T, p protocol, first string) *http.Client {
	t.Helper()
	transport := &http.Transport{
		Protocols: new(http.Protocols), DisableCompression: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the test's own
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil && first != "" {
				_, err = io.WriteString(conn, first)
			}
			return conn, err
		},
	}
	transport.Protocols.SetHTTP1(p == http1)
	transport.Protocols.SetHTTP2(p == http2 && r.secure)
	transport.Protocols.SetUnencryptedHTTP2(p == http2 && !r.secure)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 0}
}

// get sends a GET as an EventSource does.
func (r *rig) get(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	response, err := client.Do(r.request(t, path))
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (r *rig) request(t *testing.T, path string) *http.Request {
	t.Helper()
	scheme := "http"
	if r.secure {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+r.address+path, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	return request
}

// hold opens a stream that stays open until the test ends, and waits for its first event.
func (r *rig) hold(t *testing.T, client *http.Client) *http.Response {
	t.Helper()
	response := r.get(t, client, "/watch")
	lines := bufio.NewReader(response.Body)
	for line := ""; !strings.HasPrefix(line, "data: "); {
		var err error
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	return response
}

// textOf returns what follows in the body of a response.
func textOf(t *testing.T, response *http.Response) string {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = response.Body.Close() })
	defer timer.Stop()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// eachKind runs a test over each kind of connection that the program serves.
func eachKind(t *testing.T, test func(t *testing.T, p protocol, change func(*Front))) {
	t.Helper()
	for name, p := range map[string]protocol{"HTTP/1.1": http1, "h2c": http2} {
		t.Run(name, func(t *testing.T) { test(t, p, func(*Front) {}) })
	}
	for _, p := range []protocol{http1, http2} {
		t.Run("TLS, "+string(p), func(t *testing.T) { test(t, p, secured(t)) })
	}
}
