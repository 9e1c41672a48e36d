package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/crowd"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

// soon is how long anything may take in the tests of replicas.
const soon = 30 * time.Second

// startMarket runs the gRPC server of the demo until the test ends. It goes on numbering its quotes where no client
// listens.
func startMarket(t *testing.T) (address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	server := demo.NewServer(slog.New(slog.DiscardHandler), 1)
	var running sync.WaitGroup
	running.Go(func() { server.Trade(ctx) })
	running.Go(func() { assert.NoError(t, server.Serve(ctx, listener)) })
	t.Cleanup(func() { stop(); running.Wait() })
	return listener.Addr().String()
}

// freePort returns an address on which no program listens.
func freePort(t *testing.T) string {
	t.Helper()
	address, err := unused(t.Context())
	require.NoError(t, err)
	return address
}

// process is a program that a test started, and ends.
type process struct {
	command *exec.Cmd
	output  bytes.Buffer // of both streams; written until the process has ended
}

// startProcess starts a program, and kills it when the test ends unless it has ended before.
func startProcess(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(name, args...)}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.output.String())
		}
	})
	return p
}

// end sends a signal, and waits until the process has ended.
func (p *process) end(signal syscall.Signal) {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Signal(signal) // it may have ended already
		_ = p.command.Wait()                 // it tells that the process was killed
	}
}

// replica is a bridge in a process of its own.
type replica struct {
	*process

	file, address string
}

// start starts the bridge, and waits until it serves.
func (r *replica) start(t *testing.T) {
	t.Helper()
	r.process = startProcess(t, "grpcsse", "serve", "--strict", "--config", r.file, "--listen", r.address)
	awaitServer(t, r.address)
}

// awaitServer waits until an HTTP server answers a request for the stream.
func awaitServer(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Head("http://" + address + "/tape")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, soon, 20*time.Millisecond, "no server at %s", address)
}

// startNginx runs nginx in front of replicas until the test ends. Without nginx on this machine the test is skipped, or fails
// if GRPCSSE_REQUIRE_NGINX is 1.
func startNginx(t *testing.T, replicas ...string) (address string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx") // not in every user's path
	}
	if err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NGINX") == "1" {
			t.Fatal("GRPCSSE_REQUIRE_NGINX is 1, and there is no nginx on this machine")
		}
		t.Skip("skipped: there is no nginx on this machine (Debian: apt-get install nginx-light)")
	}
	dir := t.TempDir()
	address = freePort(t)
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, nginxFile, dir, documentedServer(t, address, replicas)), 0o600))
	startProcess(t, path, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
	awaitServer(t, address)
	return address
}

// documentedServer returns the configuration of nginx that deploy/ has, for other addresses.
func documentedServer(t *testing.T, address string, replicas []string) string {
	t.Helper()
	content, err := os.ReadFile("../../deploy/proxies/nginx.conf")
	require.NoError(t, err)
	text := string(content)
	for documented, actual := range map[string]string{":8080": address, ":8081": replicas[0], ":8082": replicas[1]} {
		require.Equal(t, 1, strings.Count(text, "127.0.0.1"+documented))
		text = strings.ReplaceAll(text, "127.0.0.1"+documented, actual)
	}
	return text
}

// nginxFile is the configuration of an nginx whose files are in one folder, around the documented part.
const nginxFile = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s
}
`

// TestTheEndOfAReplicaCostsNoClientItsPlace ends one of two bridges behind nginx, starts it again, and ends the other, while
// events flow. Then it ends both. The clients come back to a bridge that does not know their ids.
func TestTheEndOfAReplicaCostsNoClientItsPlace(t *testing.T) {
	const clients = 30
	for name, signal := range map[string]syscall.Signal{"kill -9": syscall.SIGKILL, "deploy": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "grpcsse.yaml")
			require.NoError(t, os.WriteFile(file, []byte(`
server: {drain_timeout: 1s}
upstreams: {market: {target: "`+startMarket(t)+`"}}
routes:
  - path: /tape
    rpc: demo.market.v1.MarketService/WatchTape
    request: {set: {after_sequence: "${last_event_id}"}}
    event: {id: sequence, retry: 500ms}
    share: {late_join: latest}
`), 0o600))
			one, other := &replica{file: file, address: freePort(t)}, &replica{file: file, address: freePort(t)}
			one.start(t)
			other.start(t)
			address := startNginx(t, one.address, other.address)

			c := crowd.Start(t.Context(), "http://"+address+"/tape", clients)
			t.Cleanup(c.Stop)
			until := func(wanted func(crowd.Figures) bool) crowd.Figures {
				t.Helper()
				if !assert.Eventually(t, func() bool { return wanted(c.Figures()) }, soon, 20*time.Millisecond) {
					require.FailNow(t, "the clients never were as wanted", "%+v", c.Figures())
				}
				return c.Figures()
			}
			// steady waits until all clients have the newest events, and have had ten each since now.
			steady := func() crowd.Figures {
				t.Helper()
				now := c.Figures()
				return until(func(f crowd.Figures) bool {
					return f.Current == clients && f.Deliveries >= now.Deliveries+10*clients
				})
			}
			assert.Zero(t, steady().Ledger)

			one.end(signal)
			half := until(func(f crowd.Figures) bool { return f.Ledger.Reconnects >= clients/2 })
			steady()
			one.start(t)
			other.end(signal)
			until(func(f crowd.Figures) bool { return f.Ledger.Reconnects >= half.Ledger.Reconnects+clients })
			half = steady()

			one.end(signal)
			until(func(f crowd.Figures) bool { return f.Ledger.Reconnects >= half.Ledger.Reconnects+2*clients })
			other.start(t)
			last := steady()
			assert.Equal(t, crowd.Ledger{Reconnects: last.Ledger.Reconnects}, last.Ledger)
			assert.Zero(t, last.Gone, "clients that gave up")
		})
	}
}
