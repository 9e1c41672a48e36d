package bridge_test

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// stall opens a stream over HTTP/1.1 and reads nothing of it.
func stall(t *testing.T, url, path string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bridge\r\nAccept: text/event-stream\r\n\r\n", path)
	require.NoError(t, err)
}

// narrow returns a client over HTTP/2 that takes little of a stream before it is read.
func narrow(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{
		Protocols: new(http.Protocols), DisableCompression: true,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 10},
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// liveHeap returns the bytes of the heap that are in use.
func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// large yields events of a size without end, and counts the streams that are open. The pause between two events is as given.
func large(size int, pause time.Duration, open *atomic.Int64) bridge.Source {
	text := strings.Repeat("x", size)
	return bridge.Func(func(ctx context.Context, _ *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
		return func(yield func(*streamv1.Event, error) bool) {
			open.Add(1)
			defer open.Add(-1)
			for i := int64(1); yield(&streamv1.Event{Sequence: i, Text: text}, nil); i++ {
				select {
				case <-ctx.Done():
					return
				case <-time.After(pause):
				}
			}
		}
	})
}

// startLarge serves a source without an upstream.
func startLarge(t *testing.T, server string, change func(*config.Route), src bridge.Source, o bridge.Observer) string {
	t.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte("server: "+server+"\nupstreams: {a: {target: \"127.0.0.1:1\", annotations: true}}\n"))
	require.NoError(t, err)
	cfg.Upstreams = nil
	route := config.NewRoute("/watch/{topic}")
	route.Compression = false
	change(route)
	b, err := bridge.New(t.Context(), cfg, bridge.WithRoute(route, src), bridge.WithObserver(o))
	require.NoError(t, err)
	return serveHTTP(t, b)
}

// cutStreams counts the streams that a limit has ended.
type cutStreams struct {
	bridge.NopObserver
	byQueues atomic.Int64
}

func (c *cutStreams) StreamEnded(s bridge.StreamEnd) {
	if s.Limit == bridge.LimitQueueBytes {
		c.byQueues.Add(1)
	}
}

// readAlways reads a stream until the stream ends, and counts the events. At the end the count becomes 1<<40.
func readAlways(resp *http.Response) *atomic.Int64 {
	var n atomic.Int64
	go func() {
		for r := newReader(resp); ; r.text.Reset() {
			if _, err := r.next(); err != nil {
				n.Store(1 << 40)
				return
			}
			n.Add(1)
		}
	}()
	return &n
}

// Clients that read nothing of large events would hold several times the budget. Those that waited longest are cut, and a client
// that reads goes on.
func TestStalledClientsHoldNoMoreThanTheBudget(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector, streams open so slowly that most of the budget is theirs before they are served")
	}
	const clients, budget, size = 1000, int64(32 << 20), 200 << 10
	for name, stallOne := range map[string]func(t *testing.T, url string) func(i int){
		"HTTP/1.1": func(t *testing.T, url string) func(int) {
			return func(i int) { stall(t, url, fmt.Sprintf("/watch/%d", i)) }
		},
		"HTTP/2": func(t *testing.T, url string) func(int) {
			client := narrow(t)
			return func(i int) {
				if i%100 == 0 {
					client = narrow(t) // 100 streams on each connection
				}
				do(t, client, eventSource(t.Context(), t, fmt.Sprintf("%s/watch/%d", url, i)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var open atomic.Int64
			cut := &cutStreams{}
			url := startLarge(t, fmt.Sprintf("{limits: {queue_bytes: %d}}", budget), func(r *config.Route) { r.WriteTimeout = time.Minute },
				large(size, time.Millisecond, &open), cut)
			healthy := readAlways(do(t, newClient(t, ""), eventSource(t.Context(), t, url+"/watch/healthy")))
			before := liveHeap()
			next := stallOne(t, url)
			for i := range clients {
				next(i)
			}
			// Each client's connection takes some memory, with what the client itself buffers.
			most := budget*3/2 + int64(clients)*64<<10
			bounded := func() bool { return liveHeap()-before < most && open.Load() <= int64(clients)/2 }
			require.Eventually(t, bounded, 4*patience, 100*time.Millisecond, "the budget holds")
			assert.Positive(t, cut.byQueues.Load(), "the observer is told of the limit")
			seen := healthy.Load()
			require.Eventually(t, func() bool { return healthy.Load() >= seen+20 }, patience, time.Millisecond, "events go on")
			require.Less(t, healthy.Load(), int64(1<<40), "the client that reads keeps its stream")
			assert.Less(t, liveHeap()-before, most)
		})
	}
}
