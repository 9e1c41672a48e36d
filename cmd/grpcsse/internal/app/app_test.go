package app_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/app"
)

// running is a demo in this process.
type running struct {
	page string // URL of the page
	grpc string // address of the gRPC server
	stop context.CancelFunc

	ended  chan struct{} // closed when the program has ended with code
	code   int
	stderr *output
}

// output is what a program wrote. It may be used concurrently.
type output struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startDemo runs `grpcsse demo` until the test ends, on free ports unless args say otherwise.
func startDemo(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stdout, out := io.Pipe()
	d := &running{stop: stop, ended: make(chan struct{}), stderr: new(output)}
	go func() {
		defer close(d.ended)
		d.code = app.Main(ctx, append([]string{"demo", "--listen", "127.0.0.1:0", "--grpc", "127.0.0.1:0"}, args...), out, d.stderr)
		_ = out.Close()
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		<-d.ended
		if t.Failed() {
			t.Logf("what the demo logged:\n%s", d.stderr)
		}
	})
	lines := bufio.NewScanner(stdout)
	for d.grpc == "" {
		require.True(t, lines.Scan(), "the demo has ended: %s", d.stderr)
		if page, ok := strings.CutPrefix(lines.Text(), "page: "); ok {
			d.page = page
		}
		if address, ok := strings.CutPrefix(lines.Text(), "grpc: "); ok {
			d.grpc, _, _ = strings.Cut(address, " ")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return d
}

// open sends a GET request as an EventSource does.
func (d *running) open(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(d.page, "/")+path, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	response, err := client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// readUntil returns the lines of a stream up to the first that begins with prefix.
func readUntil(t *testing.T, lines *bufio.Scanner, prefix string) []string {
	t.Helper()
	var read []string
	for lines.Scan() {
		read = append(read, lines.Text())
		if strings.HasPrefix(lines.Text(), prefix) {
			return read
		}
	}
	assert.Failf(t, "the stream has ended", "expected a line with %q, found %q", prefix, read)
	return read
}
