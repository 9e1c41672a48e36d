//go:build unix

package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// activated returns a command for the program with sockets that were passed to it, as systemd does it.
func activated(t *testing.T, sockets []*os.File, args ...string) *exec.Cmd {
	t.Helper()
	count := string(rune('0' + len(sockets)))
	// LISTEN_PID is the process of the shell, and so of the program.
	command := exec.CommandContext(t.Context(), "sh", append([]string{
		"-c", `LISTEN_PID=$$ LISTEN_FDS=` + count + ` exec grpcsse "$@"`, "sh", "serve",
	}, args...)...)
	command.ExtraFiles = sockets
	return command
}

// socketAt returns a listening socket that this process holds, and its address.
func socketAt(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	file, err := listener.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file, listener.Addr().String()
}

// writeFile writes a configuration file with a server section for a gRPC server at an address.
func writeFile(t *testing.T, server, upstream string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(name, []byte(server+`
upstreams: {market: {target: "`+upstream+`"}}
routes:
  - {path: /tape, rpc: demo.market.v1.MarketService/WatchTape, share: {late_join: latest}}
`), 0o600))
	return name
}

// TestARestartBehindAPassedSocketRefusesNoConnection restarts the program while clients open connections all the time.
func TestARestartBehindAPassedSocketRefusesNoConnection(t *testing.T) {
	file := writeFile(t, "server: {drain_timeout: 100ms, access_log: off}", startMarket(t))
	socket, address := socketAt(t, "tcp", "127.0.0.1:0")
	begin := func() *process {
		p := &process{command: activated(t, []*os.File{socket}, "--config", file)}
		p.command.Stdout, p.command.Stderr = &p.output, &p.output
		require.NoError(t, p.command.Start())
		t.Cleanup(func() {
			p.end(syscall.SIGKILL)
			if t.Failed() {
				t.Logf("grpcsse said:\n%s", p.output.String())
			}
		})
		return p
	}
	p := begin()
	awaitServer(t, address)
	held, _, err := openBrowser(t, "http://"+address+"/tape")
	require.NoError(t, err)
	defer func() { _ = held.body.Close() }()

	var answers atomic.Int64
	over := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: soon}
			for {
				select {
				case <-over:
					return
				default:
				}
				response, err := client.Get("http://" + address + "/nowhere")
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, http.StatusNotFound, response.StatusCode)
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				answers.Add(1)
			}
		})
	}
	more := func() {
		before := answers.Load()
		require.Eventually(t, func() bool { return answers.Load() > before+50 || t.Failed() }, soon, time.Millisecond)
	}
	for range 3 {
		more()
		p.end(syscall.SIGTERM)
		p = begin()
		more()
	}
	close(over)
	clients.Wait()
	told, err := held.next(`data: {"code":14`)
	require.NoError(t, err)
	assert.Contains(t, told, `"reason":"drain"`)
	p.end(syscall.SIGTERM)
	assert.Zero(t, p.command.ProcessState.ExitCode())
	assert.Contains(t, p.output.String(), "msg=listening address="+address)
}

func TestAPassedSocketThatCannotBeMeantIsTold(t *testing.T) {
	here, address := socketAt(t, "tcp", "127.0.0.1:0")
	other, _ := socketAt(t, "tcp", "127.0.0.1:0")
	local, _ := socketAt(t, "unix", filepath.Join(t.TempDir(), "socket"))
	plain, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { _ = plain.Close() }()
	file := writeFile(t, `server: {listen: "127.0.0.1:9"}`, "127.0.0.1:1")
	for name, tt := range map[string]struct {
		sockets []*os.File
		args    []string
		want    []string
	}{
		"another address in the file": {
			[]*os.File{here}, []string{"--config", file},
			[]string{"a socket at " + address + ", but the address to listen at is 127.0.0.1:9", "leave server.listen"},
		},
		"another address on the command line": {
			[]*os.File{here}, []string{"--upstream", "127.0.0.1:1", "--listen", "127.0.0.1:10"},
			[]string{"but the address to listen at is 127.0.0.1:10"},
		},
		"two sockets":      {[]*os.File{here, other}, []string{"--config", file}, []string{"passed 2 sockets, expected one"}},
		"a socket of Unix": {[]*os.File{local}, []string{"--upstream", "127.0.0.1:1"}, []string{"expected one of TCP"}},
		"no socket at all": {[]*os.File{plain}, []string{"--upstream", "127.0.0.1:1"}, []string{"is no listening socket"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := activated(t, tt.sockets, tt.args...).CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, 1, exit.ExitCode())
			for _, want := range tt.want {
				assert.Contains(t, string(out), want)
			}
			assert.Contains(t, string(out), "hint: ")
			assert.Equal(t, 1, strings.Count(string(out), "grpcsse: error: "))
		})
	}
}
