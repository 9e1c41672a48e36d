package probe_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/probe"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// A stream that asks nginx not to buffer it is right behind nginx. If nginx ignores that, the probe names nginx.
func TestABufferingNginxIsNamed(t *testing.T) {
	program := "/usr/sbin/nginx"
	if found, err := exec.LookPath("nginx"); err == nil {
		program = found
	} else if _, err := os.Stat(program); err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NGINX") == "1" {
			t.Fatal("GRPCSSE_REQUIRE_NGINX is 1, and there is no nginx")
		}
		t.Skip("skipped: there is no nginx (Debian: nginx-light)")
	}
	upstream := foreign(t, func(w wire) {
		w.Header().Set("X-Accel-Buffering", "no")
		from := w.after()
		w.say("retry: 2000\n\n")
		w.every(10*time.Millisecond, func(n int) bool {
			return w.say("id: %d\ndata: %s\n\n", from+n, strings.Repeat("x", 200))
		})
	})
	for name, ignored := range map[string]bool{"as it is asked": false, "ignoring what it is asked": true} {
		t.Run(name, func(t *testing.T) {
			setting, least := "", 500*time.Millisecond
			if ignored {
				setting, least = "proxy_ignore_headers X-Accel-Buffering;", 2*time.Second
			}
			report := run(t, startNginx(t, program, upstream, setting), probe.Options{Least: least})
			if !ignored {
				assert.Empty(t, faults(report))
				return
			}
			assert.Equal(t, []string{"buffering"}, faults(report))
			assert.Contains(t, finding(report, "buffering"), "behind nginx")
			assert.Contains(t, finding(report, "buffering"), "proxy_buffering off")
		})
	}
}

// startNginx starts an nginx in front of a server, with its usual buffering, and returns its URL.
func startNginx(t *testing.T, program, upstream, setting string) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", loopback.Own())
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	text := fmt.Sprintf(`
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
server { listen %[2]s; location / { proxy_pass %[3]s; %[4]s } }
}
`, dir, address, upstream, setting)
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return startServer(t, address, exec.CommandContext(t.Context(), program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file))
}

// startServer starts a program that listens on an address, waits until it does, and returns its URL.
func startServer(t *testing.T, address string, command *exec.Cmd) string {
	t.Helper()
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	listens := func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}
	require.Eventually(t, listens, 20*time.Second, 20*time.Millisecond)
	return "http://" + address + "/"
}

// pythonServer is a server of three kinds of streams: one that is right, one whose ids do not resume, and one that is
// finished and comes back for ever.
const pythonServer = `
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        last = int(self.headers.get("Last-Event-ID") or 0)
        if self.path == "/right" and last == 30:
            self.send_response(204); self.end_headers(); return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        first = last + 1 if self.path == "/right" else 1
        self.wfile.write(b"retry: 1500\n")
        for n in range(first, 4 if self.path == "/finished" else 31):
            self.wfile.write(b"id: %d\ndata: %d\n\n" % (n, n))
            self.wfile.flush()
            time.sleep(0.01)
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
`

func TestAServerInPythonIsProbed(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("skipped: there is no python3")
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", loopback.Own())
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	host, port, _ := net.SplitHostPort(address)
	base := startServer(t, address, exec.CommandContext(t.Context(), python, "-c", pythonServer, host, port))
	for path, want := range map[string][]string{"right": nil, "beginning": {"resume", "end"}, "finished": {"resume", "end"}} {
		report := run(t, base+path, probe.Options{Least: 10 * time.Second}) // each stream ends before
		assert.Equal(t, want, faults(report), path)
		assert.Zero(t, report.Warnings, path)
	}
}
