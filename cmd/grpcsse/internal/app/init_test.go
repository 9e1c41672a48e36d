package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	services "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

// startDemoServer starts the gRPC server of the demo, and returns its address.
func startDemoServer(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- services.NewServer(slog.New(slog.DiscardHandler), 1).Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-stopped)
	})
	return listener.Addr().String()
}

// runs runs the program, which must end with a code, and returns what it wrote.
func runs(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, words bytes.Buffer
	require.Equal(t, want, Main(t.Context(), args, &out, &words), "%v: %s%s", args, &out, &words)
	return out.String(), words.String()
}

// proposed has the proposals of a file. Other comments have another form.
var proposed = regexp.MustCompile(`(?m)^    # (event|request|share): `)

// writesAndServes makes a file by init, checks it as it is and with all proposals, and serves it both times. It returns the file.
func writesAndServes(t *testing.T, routes int, flags ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "grpcsse.yaml")
	_, words := runs(t, codeOK, append([]string{"init", "--out", file}, flags...)...)
	assert.Contains(t, words, file+" has "+plural(routes, "route"))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Greater(t, len(proposed.FindAllIndex(text, -1)), 3)

	eager := filepath.Join(filepath.Dir(file), "eager.yaml")
	require.NoError(t, os.WriteFile(eager, proposed.ReplaceAll(text, []byte("    $1: ")), 0o600))
	for _, name := range []string{file, eager} {
		runs(t, codeOK, "check", name)
		serves(t, name, routes)
	}
	return string(text)
}

// serves serves a file, and opens a stream on each of its routes.
func serves(t *testing.T, file string, routes int) {
	t.Helper()
	cfg, err := config.Load(file)
	require.NoError(t, err)
	require.Len(t, cfg.Routes, routes)
	ctx, stop := context.WithCancel(t.Context())
	stderr := &lines{wrote: make(chan struct{}, 1)}
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, []string{"serve", "--strict", "--config", file, "--listen", "127.0.0.1:0"}, io.Discard, stderr)
	}()
	defer func() {
		stop()
		assert.Zero(t, <-code)
	}()
	address := stderr.find(t, `msg=listening address=(\S+)`)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	variable := strings.NewReplacer("{shelf=shelves/*}", "shelves/7")
	name := regexp.MustCompile(`\{\w+\}`)
	for _, r := range cfg.Routes {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+name.ReplaceAllString(variable.Replace(r.Path), "7"), nil)
		require.NoError(t, err)
		request.Header.Set("Accept", "text/event-stream")
		response, err := client.Do(request)
		require.NoError(t, err)
		assert.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusOK, response.StatusCode, r.Path)
		assert.Contains(t, response.Header.Get("Content-Type"), "text/event-stream", r.Path)
	}
}

func TestInitServesTheDemo(t *testing.T) {
	text := writesAndServes(t, 7, "--upstream", startDemoServer(t))
	for _, want := range []string{
		"  - path: /quotes/{symbol}\n    rpc: demo.market.v1.MarketService/WatchQuotes\n",
		"    # event: {id: sequence, name: what}\n    # request: {set: {after_sequence: \"${last_event_id}\"}}\n",
		"  - path: /count\n", "    # share: {late_join: {latest_by: symbol}}\n",
	} {
		assert.Contains(t, text, want)
	}
	assert.Regexp(t, `(?m)^  - path: /run-job/\{name\}\n    rpc: .*\n    # \{name\} is a field of the request, string\n$`, text, "no share for what starts a job")
}

func TestInitServesANastyServer(t *testing.T) {
	const routes = 20
	text := writesAndServes(t, routes, "--upstream", startNasty(t, compileNasty(t, nastySources())))
	for _, path := range []string{
		"/a.v1.OrderService/Watch", "/b.v1.OrderService/Watch", "/a.v1.OrderService/WatchWide", "/a.v1.OrderService/StreamWide",
		"/empties", "/words", "/true",
	} {
		assert.Regexp(t, `(?m)^  - path: "?`+regexp.QuoteMeta(path), text)
	}
	assert.Contains(t, text, "  - path: /shadow/{z}\n", "the name that leads to the field")
	assert.NotRegexp(t, `(?s)rpc: a\.v1\.OrderService/WatchShadow\n[^-]*# event`, text, "the names of its fields lead to other fields")
	assert.NotContains(t, text, "latest_by: after_id")
	assert.Contains(t, text, "  - path: /b.v1.OrderService/Watch\n", "an optional field is no variable")
	assert.Regexp(t, `field_0: string\n(    #   field_\d+: string\n){11}    #   and 188 more, which`, text)
}

// The comments of .proto files reach the file, and remain comments.
func TestInitFromNastySources(t *testing.T) {
	dir := t.TempDir()
	for name, source := range nastySources() {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
	}
	file := filepath.Join(dir, "made", "grpcsse.yaml")
	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o700))
	runs(t, codeOK, "init", "--out", file, "--proto", filepath.Join(dir, "*.proto"))
	runs(t, codeOK, "check", "--offline", file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), `    target: "localhost:50051" # the address of the gRPC server`)
	assert.Contains(t, string(text), "\n  # A comment that tries to end:\n")
	assert.Contains(t, string(text), "\n  #  - path: /evil\n")
	assert.NotRegexp(t, "(?m)^ *- path: /(evil|injected)", string(text))
	assert.NotRegexp(t, "[\r\x1b\x7f\u2028\u2029\u0085]", string(text))
	assert.Less(t, len(text), 40_000, "no comment is endless")
	for line := range bytes.Lines(text) {
		assert.LessOrEqual(t, len([]rune(string(line))), 130, "%s", line)
	}
	cfg, err := config.Load(file)
	require.NoError(t, err)
	assert.Len(t, cfg.Routes, 20)
}
