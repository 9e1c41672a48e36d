//go:build unix

package bridge_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestNoMoreStreamsThanTheLimit(t *testing.T) {
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			f := startFront(t, s, "server: {limits: {streams: 2}}\n"+routeFile("open_wait: 1ms"))
			var leave []context.CancelFunc
			for range 2 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				do(t, client, eventSource(ctx, t, f.url+"/watch/x"))
				leave = append(leave, cancel)
			}
			s.requireStreams(t, 2)
			_, resp, answer := ask(t, client, f.url+"/watch/x")
			assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
			assert.NotEmpty(t, resp.Header.Get("Retry-After"))
			assert.Equal(t, answerOf{Code: 8, Status: "RESOURCE_EXHAUSTED", Message: "too many streams are open", Retry: true, Reason: "limit"}, answer)

			leave[0]()
			s.requireStreams(t, 1)
			openWhenThereIsRoom(t, client, f.url+"/watch/x")
			s.requireStreams(t, 2)
		})
	}
}

// narrowVariable is an environment variable with the address of an upstream. With it, the test binary serves this upstream with
// few descriptors.
const narrowVariable = "GRPCSSE_TEST_NARROW"

// play serves until the process is ended, if the process was started for that. Otherwise it reports false.
func play() bool {
	upstream, ok := os.LookupEnv(narrowVariable)
	if ok {
		playNarrow(upstream)
	}
	return ok
}

// descriptorsLeft is how many descriptors the bridge of playNarrow may have.
const descriptorsLeft = 64

// playNarrow serves a route of an upstream with few descriptors. The connections are parked.
func playNarrow(upstream string) {
	limit := syscall.Rlimit{Cur: descriptorsLeft, Max: descriptorsLeft}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		log.Fatal(err)
	}
	cfg, err := config.Parse("grpcsse.yaml", []byte(strings.ReplaceAll(sharedRoute("none"), "ADDR", upstream)))
	if err != nil {
		log.Fatal(err)
	}
	b, err := bridge.New(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	if err := b.Ready(context.Background()); err != nil {
		log.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(lis.Addr())
	server := &http.Server{Handler: b, ReadHeaderTimeout: patience}
	if err := b.Park(server); err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(lis))
}

// lockedBuffer is a buffer that a process may write while a test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestRunningOutOfDescriptorsDoesNotHurtConnectedClients(t *testing.T) {
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	narrow := exec.CommandContext(t.Context(), os.Args[0])
	narrow.Env = append(os.Environ(), narrowVariable+"="+s.addr)
	var said lockedBuffer
	narrow.Stderr = &said
	out, err := narrow.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, narrow.Start())
	defer func() { _ = narrow.Process.Kill(); _ = narrow.Wait() }()
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, said.String())
	addr = strings.TrimSpace(addr)

	client := clients(t)["HTTP1"]
	var connected []*reader
	for range 30 {
		connected = append(connected, newReader(do(t, client, eventSource(t.Context(), t, "http://"+addr+"/watch/x"))))
	}
	var idle []net.Conn // connections without requests, which take the remaining descriptors
	for range descriptorsLeft {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		idle = append(idle, conn)
	}
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "too many open files") }, patience, 10*time.Millisecond,
		"it is said: %s", said.String())
	p.send(t, 1, 2)
	for _, r := range connected {
		requireIDs(t, r, "1", "2")
	}
	for _, conn := range idle {
		require.NoError(t, conn.Close())
	}
	late := newReader(do(t, client, eventSource(t.Context(), t, "http://"+addr+"/watch/x")))
	requireEvent(t, late, "grpc-cursor")
	p.send(t, 3)
	requireIDs(t, late, "3")
	requireIDs(t, connected[0], "3")
}
