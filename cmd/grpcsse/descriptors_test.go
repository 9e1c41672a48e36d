//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

// serveMarket runs the gRPC server of the demo at an address until stop is called, or the test ends.
func serveMarket(t *testing.T, address string) (stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	server := demo.NewServer(slog.New(slog.DiscardHandler), 1)
	var running sync.WaitGroup
	running.Go(func() { server.Trade(ctx) })
	running.Go(func() { assert.NoError(t, server.Serve(ctx, listener)) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// browser is an EventSource that opens one connection and never comes back.
type browser struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

// openBrowser returns a browser, and what it was told first: data, or the status of the end of its stream.
func openBrowser(t *testing.T, url string) (b browser, told string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return b, "", err
	}
	request.Header.Set("Accept", "text/event-stream")
	transport := &http.Transport{DisableCompression: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return b, "", err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return b, "", errors.New(response.Status)
	}
	b = browser{response.Body, bufio.NewScanner(response.Body)}
	told, err = b.next("data: {")
	return b, told, err
}

// next returns the next line that begins with a prefix.
func (b browser) next(prefix string) (string, error) {
	timer := time.AfterFunc(soon, func() { _ = b.body.Close() })
	defer timer.Stop()
	for b.lines.Scan() {
		if strings.HasPrefix(b.lines.Text(), prefix) {
			return b.lines.Text(), nil
		}
	}
	return "", errors.Join(io.ErrUnexpectedEOF, b.lines.Err())
}

// crowdAt opens n browsers at once. Each of them must be told something. It returns those that have a stream.
func crowdAt(t *testing.T, url string, n int) (held []browser) {
	t.Helper()
	var mu sync.Mutex
	var open sync.WaitGroup
	for range n {
		open.Go(func() {
			b, told, err := openBrowser(t, url)
			if !assert.NoError(t, err, "each browser has an answer") {
				return
			}
			if !strings.Contains(told, `"reason":"limit"`) {
				mu.Lock()
				defer mu.Unlock()
				held = append(held, b)
				return
			}
			assert.Contains(t, told, `"retry":true`)
			_ = b.body.Close()
		})
	}
	open.Wait()
	return held
}

// TestFewDescriptors opens more browsers than the program may have files, leaves idle and silent connections behind, and breaks
// the upstream while the program is full.
func TestFewDescriptors(t *testing.T) {
	const descriptors, browsers = 256, 300
	upstream := freePort(t)
	stop := serveMarket(t, upstream)
	file, address := filepath.Join(t.TempDir(), "grpcsse.yaml"), freePort(t)
	require.NoError(t, os.WriteFile(file, []byte(`
server: {drain_timeout: 1s, access_log: off}
upstreams: {market: {target: "`+upstream+`"}}
routes:
  - path: /tape
    rpc: demo.market.v1.MarketService/WatchTape
    share: {late_join: latest}
`), 0o600))
	p := startProcess(t, "sh", "-c", `ulimit -n 256 && exec grpcsse serve --strict --config "$0" --listen "$1"`, file, address)
	awaitServer(t, address)
	url := "http://" + address + "/tape"

	for range 50 { // connections that are idle, and that have never sent anything
		response, err := (&http.Client{Transport: new(http.Transport)}).Get("http://" + address + "/nowhere")
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		defer func() { _ = response.Body.Close() }()
		silent, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = silent.Close() }()
	}
	held := crowdAt(t, url, browsers)
	defer func() {
		for _, b := range held {
			_ = b.body.Close()
		}
	}()
	assert.Greater(t, len(held), descriptors/2, "browsers that have a stream")
	assert.Less(t, len(held), descriptors)

	stop()
	for _, b := range held {
		_, err := b.next("event: grpc-stale")
		require.NoError(t, err, "streams outlive the upstream")
	}
	held = append(held, crowdAt(t, url, 50)...) // silent connections have had their time, and make room
	assert.Empty(t, crowdAt(t, url, 50), "while all places have streams, newcomers are turned away")
	serveMarket(t, upstream)
	began := time.Now()
	for _, b := range held {
		_, err := b.next("event: grpc-live")
		require.NoError(t, err, "the upstream is connected again")
	}
	t.Logf("%d of %d browsers had a stream, and events flowed again %s after the upstream had come back",
		len(held), browsers, time.Since(began).Round(time.Millisecond))
	p.end(syscall.SIGTERM)
	assert.NotContains(t, p.output.String(), "too many open files")
	assert.Contains(t, p.output.String(), "descriptors=25")
}
