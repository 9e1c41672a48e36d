package natstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/bridge/cluster/natstest/internal/rig"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// ticking is an upstream with one sequence of events, which grows all the time. A stream goes on behind the cursor of its request.
type ticking struct {
	streamv1.UnimplementedStreamServiceServer

	newest atomic.Int64
	open   atomic.Int64
}

func (u *ticking) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	u.open.Add(1)
	defer u.open.Add(-1)
	next := u.newest.Load() + 1
	if after := r.GetAfterSequence(); after > 0 {
		next = after + 1
	}
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		for ; next <= u.newest.Load(); next++ {
			if err := stream.Send(&streamv1.Event{Sequence: next}); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// startUpstream serves a ticking upstream with an event every 5 ms.
func startUpstream(t *testing.T) (u *ticking, address string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u = &ticking{}
	s := grpc.NewServer()
	streamv1.RegisterStreamServiceServer(s, u)
	reflection.Register(s)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(lis) })
	running.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			<-ticker.C
			u.newest.Add(1)
		}
	})
	t.Cleanup(func() {
		cancel()
		s.Stop()
		running.Wait()
	})
	return u, lis.Addr().String()
}

// built is the directory of the program; TestMain makes and removes it.
var built string

// program builds grpcsse once.
var program = sync.OnceValues(func() (string, error) { return rig.Build("../../..", built) })

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "natstest")
	if err != nil {
		panic(err)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// replica is a process of grpcsse.
type replica struct {
	*rig.Process

	url    string
	stderr *text
}

// startReplica starts a process that shares with others.
func startReplica(t *testing.T, nats, upstream, route string) *replica {
	t.Helper()
	address := freeAddress(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cluster.key"), []byte(strings.Repeat("0123456789abcdef", 4)), 0o600))
	file := filepath.Join(dir, "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(configuration(address, upstream, route)+`
cluster:
  name: test
  secret_file: cluster.key
  nats: {servers: ["nats://`+nats+`"]}
`), 0o600))
	return startProgram(t, address, nil, "serve", "--strict", "--config", file)
}

// configuration is a file with one route.
func configuration(address, upstream, route string) string {
	return `
server: {listen: "` + address + `", drain_timeout: 1s}
upstreams: {test: {target: "` + upstream + `"}}
routes:
  - path: /watch/{topic}
    rpc: test.stream.v1.StreamService/Watch
` + route
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := rig.FreeAddress()
	require.NoError(t, err)
	return address
}

// startProgram starts a process of grpcsse that listens at an address.
func startProgram(t *testing.T, address string, env []string, args ...string) *replica {
	t.Helper()
	name, err := program()
	require.NoError(t, err)
	return startProcess(t, address, env, name, args...)
}

// startProcess starts a process that serves at an address. It ends with the test.
func startProcess(t *testing.T, address string, env []string, name string, args ...string) *replica {
	t.Helper()
	r := &replica{url: "http://" + address, stderr: &text{}}
	var err error
	r.Process, err = rig.Start(r.stderr, env, name, args...)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, r.Kill())
		if t.Failed() {
			t.Log(r.stderr.String())
		}
	})
	require.Eventually(t, func() bool {
		resp, err := http.Get(r.url + "/none")
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close() == nil
	}, patience, 20*time.Millisecond, "the replica serves")
	return r
}

const resumes = `    event: {id: sequence}
    request: {set: {after_sequence: "${last_event_id}"}}
    share: {late_join: latest, linger: 1s}`

// There is one upstream stream for the browsers of three replicas. The owner is killed, or stands
// still, and the browsers of the others notice nothing.
func TestABrowserDoesNotNoticeThatTheOwnerIsGone(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP, "ended": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			u, upstream := startUpstream(t)
			nats := startNATS(t, nil).Addr().String()
			owner := startReplica(t, nats, upstream, resumes)
			first := bridgetest.Open(t, owner.url+"/watch/x")
			first.Next()
			var pages []*bridgetest.Stream
			for range 2 {
				other := startReplica(t, nats, upstream, resumes)
				page := bridgetest.Open(t, other.url+"/watch/x")
				page.Timeout = patience
				page.Next()
				pages = append(pages, page)
			}
			require.Eventually(t, func() bool { return u.open.Load() == 1 }, patience, time.Millisecond, "one upstream stream")
			require.NoError(t, owner.Signal(signal))
			for _, page := range pages {
				begin := u.newest.Load()
				for last := int64(0); last < begin+100; {
					e := page.Next()
					require.Empty(t, e.Name, "%+v", e)
					var n int64
					_, err := fmt.Sscan(e.ID, &n)
					require.NoError(t, err)
					if last > 0 {
						require.Equal(t, last+1, n)
					}
					last = n
				}
			}
			if signal != syscall.SIGSTOP { // a process that stands still has its stream open
				require.Eventually(t, func() bool { return u.open.Load() == 1 }, patience, time.Millisecond, "one upstream stream")
			}
			for _, page := range pages {
				page.Close()
			}
			if signal == syscall.SIGSTOP {
				require.NoError(t, owner.Signal(syscall.SIGCONT))
			}
			first.Close()
			assert.Eventually(t, func() bool { return u.open.Load() == 0 }, patience, time.Millisecond, "no upstream stream is left")
		})
	}
}
