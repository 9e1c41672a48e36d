package app

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/client"
	market "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

const (
	adminToken = "correct-horse-battery-staple"
	eventually = 20 * time.Second
)

// sided is the program with all of its listeners, in this process.
type sided struct {
	public, health, admin string // the URLs

	stderr *lines
	stop   context.CancelFunc
	code   chan int
}

// startSided serves a gRPC server at an address.
func startSided(t *testing.T, upstream string) *sided {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("admin.token", adminToken+"\n")
	write("key", "hunter2\n")
	t.Setenv("GRPCSSE_TEST_WAIT", "1ms")
	file := write("grpcsse.yaml", `
server:
  listen: "127.0.0.1:0"
  health: "127.0.0.1:0"
  admin: {listen: "127.0.0.1:0", token_file: admin.token}
  drain_timeout: 3s
upstreams: {market: {target: "`+upstream+`", metadata: {x-plain: hunter2, x-key_file: key}}}
defaults: {open_wait: "${env.GRPCSSE_TEST_WAIT}"}
routes:
  - {name: quotes, path: "/quotes/{symbol}", rpc: demo.market.v1.MarketService/WatchQuotes, metadata: {set: {x-a: hunter2}}}
  - {name: wrong, path: /wrong, rpc: demo.market.v1.MarketService/Absent}
`)
	return runSided(t, file)
}

// runSided runs the program with a file that names all listeners.
func runSided(t *testing.T, file string) *sided {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &sided{stderr: &lines{wrote: make(chan struct{}, 1)}, stop: stop, code: make(chan int, 1)}
	go func() {
		s.code <- Main(ctx, []string{"--log-level", "debug", "serve", "--config", file}, io.Discard, s.stderr)
	}()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Log(s.stderr.all())
		}
	})
	s.health = "http://" + s.stderr.find(t, `listener=health address=(\S+)`)
	s.admin = "http://" + s.stderr.find(t, `listener=admin address=(\S+)`)
	s.public = "http://" + s.stderr.find(t, `address=(\S+) tls=false`)
	return s
}

// ask sends a request, and returns the status and the body.
func ask(t *testing.T, method, url string, header ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventually)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	caller := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := caller.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// page reads a page of the admin listener.
func (s *sided) page(t *testing.T, path string) string {
	t.Helper()
	status, body := ask(t, http.MethodGet, s.admin+path, "Authorization", "Bearer "+adminToken)
	require.Equal(t, http.StatusOK, status, body)
	assert.NotContains(t, body, "hunter2", path)
	assert.NotContains(t, body, adminToken, path)
	return body
}

// requireProbe waits until a probe has a status and a text in its body.
func (s *sided) requireProbe(t *testing.T, path string, status int, text string) {
	t.Helper()
	var code int
	var body string
	require.Eventually(t, func() bool {
		code, body = ask(t, http.MethodGet, s.health+path)
		return code == status && strings.Contains(body, text)
	}, eventually, 10*time.Millisecond, "%s: expected %d and %s", path, status, text)
}

// startMarket starts a gRPC server of the demo.
func startMarket(t *testing.T, address string) (at string, stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- market.NewServer(slog.New(slog.DiscardHandler), 1).Serve(ctx, listener) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(cancel)
	return listener.Addr().String(), stop
}

// An operator sees what is served and to whom, what is down and since when, and when the program ends.
func TestProbesAndPagesOfAProgramFromStartToEnd(t *testing.T) {
	upstream, kill := startMarket(t, "127.0.0.1:0")
	s := startSided(t, upstream)
	s.requireProbe(t, "/livez", 200, "live")
	s.requireProbe(t, "/startupz", 200, "started")
	s.requireProbe(t, "/readyz", 200, `"state":"up"`)

	resp, err := http.Get(s.public + "/quotes/AAPL")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	s.requirePages(t)
	got, script := ask(t, http.MethodGet, s.public+client.Path)
	assert.Equal(t, http.StatusOK, got)
	assert.Contains(t, script, "export{")

	kill()
	s.requireProbe(t, "/readyz", 200, `"state":"down"`)
	assert.Contains(t, s.page(t, "/routes"), `"state": "down"`)
	_, restarted := startMarket(t, upstream)
	s.requireProbe(t, "/readyz", 200, `"state":"up"`)

	again, err := http.Get(s.public + "/quotes/AAPL")
	require.NoError(t, err)
	defer func() { _ = again.Body.Close() }()
	_, err = bufio.NewReader(again.Body).ReadString('\n')
	require.NoError(t, err)
	s.stop()
	s.requireProbe(t, "/readyz", 503, "draining")
	status, _ := ask(t, http.MethodGet, s.health+"/livez")
	assert.Equal(t, 200, status)
	require.Zero(t, <-s.code)
	_, err = net.DialTimeout("tcp", strings.TrimPrefix(s.health, "http://"), eventually)
	require.Error(t, err, "the listener is closed")
	restarted()
	for _, secret := range []string{adminToken, "hunter2"} {
		assert.NotContains(t, s.stderr.text.String(), secret, "the log")
	}
}

func (s *sided) requirePages(t *testing.T) {
	t.Helper()
	var streams struct {
		Streams []struct{ Route, Kind, Client string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.page(t, "/streams")), &streams))
	require.Len(t, streams.Streams, 1)
	assert.Equal(t, "quotes", streams.Streams[0].Route)
	assert.Equal(t, "private", streams.Streams[0].Kind)
	assert.Equal(t, "127.0.0.1", streams.Streams[0].Client)

	routes := s.page(t, "/routes")
	assert.Contains(t, routes, `"state": "served"`)
	assert.Contains(t, routes, `"state": "out of order"`)
	assert.Contains(t, routes, "Absent")
	shown := s.page(t, "/config")
	for _, want := range []string{"x-plain: '***'", "x-key_file: '***'", "x-a: '***'", "open_wait: '***'", "drain_timeout: 3s"} {
		assert.Contains(t, shown, want)
	}
	s.page(t, "/debug/pprof/goroutine?debug=1")

	authorization := []string{"Authorization", "Bearer " + adminToken, "X-Grpcsse-Admin", "1"}
	status, body := ask(t, http.MethodPost, s.admin+"/-/shed?share=0.001", authorization...)
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `"streams": 0`)
}

func TestTheMetricsAreOnTheListenerForProbes(t *testing.T) {
	upstream, _ := startMarket(t, "127.0.0.1:0")
	s := startSided(t, upstream)
	status, _ := ask(t, http.MethodGet, s.public+"/none")
	require.Equal(t, http.StatusNotFound, status)
	s.requireProbe(t, "/metrics", http.StatusOK, `grpcsse_opens_total{outcome="refused",route=""} 1`)
	s.stop()
	require.Zero(t, <-s.code)
}

// The pages of the operator are on their own listeners, and on no other one.
func TestThePublicListenerHasNoPageOfTheOperator(t *testing.T) {
	upstream, _ := startMarket(t, "127.0.0.1:0")
	s := startSided(t, upstream)
	header := []string{"Authorization", "Bearer " + adminToken, "X-Grpcsse-Admin", "1"}
	for _, path := range []string{
		"/", "/routes", "/streams", "/config", "/-/reload", "/-/shed?share=1", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars",
		"/livez", "/readyz", "/startupz", "/metrics", "//debug/pprof/", "/quotes/../config", "/%2e%2e/config",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, body := ask(t, method, s.public+path, header...)
			assert.Contains(t, []int{404, 405}, status, "%s %s: %s", method, path, body)
		}
		if !strings.HasSuffix(path, "z") && path != "/metrics" {
			status, _ := ask(t, http.MethodGet, s.health+path, header...)
			assert.NotEqual(t, 200, status, "the listener for probes: %s", path)
		}
	}
	s.stop()
	require.Zero(t, <-s.code)
}

// --listen may not take the address of another listener.
func TestListenMustNotClash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	require.NoError(t, os.WriteFile(file, []byte(
		"server: {health: ':18081'}\nupstreams: {a: {target: b}}\nroutes: [{path: /a, rpc: a.B/C}]\n"), 0o600))
	stderr := &lines{wrote: make(chan struct{}, 1)}
	code := Main(t.Context(), []string{"serve", "--config", file, "--listen", "127.0.0.1:18081"}, io.Discard, stderr)
	assert.Equal(t, codeUsage, code)
	assert.Contains(t, stderr.text.String(), "takes the address of `server.listen`")
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for _, key := range []string{"health: '%s'", "admin: {listen: '%s'}"} {
		file := filepath.Join(t.TempDir(), "a.yaml")
		section := strings.Replace(key, "%s", taken.Addr().String(), 1)
		require.NoError(t, os.WriteFile(file, []byte("server: {listen: '127.0.0.1:0', "+section+
			"}\nupstreams: {a: {target: '127.0.0.1:1'}}\nroutes: [{path: /a, rpc: a.B/C}]\n"), 0o600))
		stderr := &lines{wrote: make(chan struct{}, 1)}
		code := Main(t.Context(), []string{"serve", "--config", file}, io.Discard, stderr)
		assert.Equal(t, codeRuntime, code)
		name, _, _ := strings.Cut(key, ":")
		assert.Contains(t, stderr.text.String(), "server."+name)
		assert.Contains(t, stderr.text.String(), "choose another address for `server."+name)
	}
}
