package bridge_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gosse "github.com/tmaxmax/go-sse"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// sseClient opens a stream with a client that comes back by itself. The channel receives the events. It is closed when the
// client has given up for good.
type sseClient func(t *testing.T, url string) <-chan event

// sseClients are clients for servers and for Node.js, which differ from the EventSource of a browser.
func sseClients() map[string]sseClient {
	return map[string]sseClient{"go-sse": withGoSSE, "npm eventsource": withNode}
}

func withGoSSE(t *testing.T, url string) <-chan event {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := gosse.Client{HTTPClient: &http.Client{Transport: transport}}
	connection := client.NewConnection(r)
	events := make(chan event, 100)
	connection.SubscribeToAll(func(e gosse.Event) { events <- event{e.Type, e.Data, e.LastEventID} })
	go func() {
		defer close(events)
		err := connection.Connect()
		assert.ErrorContains(t, err, "received 204", "the reason for which the client gave up")
	}()
	return events
}

// nodeScript prints each event on its own line, and ends when the EventSource is closed.
const nodeScript = `
const {EventSource} = require("eventsource");
const source = new EventSource(process.argv[1]);
const print = (e) => console.log(JSON.stringify({name: e.type, data: e.data, id: e.lastEventId}));
source.onmessage = print;
source.addEventListener("grpc-status", print);
source.addEventListener("error", (e) => {
  if (source.readyState === source.CLOSED && e.code !== 204) throw new Error("closed by " + e.code);
});
`

// withNode runs npm's eventsource. GRPCSSE_NODE_MODULES names the directory that holds the package; without it the test is
// skipped, or fails if GRPCSSE_REQUIRE_NODE is 1.
func withNode(t *testing.T, url string) <-chan event {
	t.Helper()
	modules := os.Getenv("GRPCSSE_NODE_MODULES")
	_, err := os.Stat(filepath.Join(modules, "eventsource", "package.json"))
	if modules == "" || err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NODE") == "1" {
			t.Fatalf("GRPCSSE_REQUIRE_NODE is 1, and GRPCSSE_NODE_MODULES, %q, holds no package eventsource", modules)
		}
		t.Skip("skipped: GRPCSSE_NODE_MODULES names no directory that holds the npm package eventsource")
	}
	node := exec.CommandContext(t.Context(), "node", "-e", nodeScript, url)
	node.Env = append(os.Environ(), "NODE_PATH="+modules)
	node.Stderr = t.Output()
	output, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	events := make(chan event, 100)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			var e struct{ Name, Data, ID string }
			assert.NoError(t, json.Unmarshal(lines.Bytes(), &e))
			events <- event{e.Name, e.Data, e.ID}
		}
		assert.NoError(t, node.Wait())
	}()
	return events
}

// nextOf waits for a client's next event.
func nextOf(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e, ok := <-events:
		require.True(t, ok, "the client gave up")
		return e
	case <-time.After(2 * patience):
		require.FailNow(t, "no event came")
	}
	return event{}
}

// requireGivenUp waits until a client has given up. It checks that the client did so at the answer to its request number n.
func requireGivenUp(t *testing.T, st *site, events <-chan event, n int) []visit {
	t.Helper()
	for gone := false; !gone; {
		select {
		case e, ok := <-events:
			require.True(t, !ok || e.name == "grpc-end", "another event came: %v", e)
			gone = !ok
		case <-time.After(2 * patience):
			require.FailNow(t, "the client did not give up")
		}
	}
	visits := st.seen()
	require.Len(t, visits, n)
	assert.Equal(t, "grpc-end", visits[n-1].lastEventID)
	assert.Equal(t, http.StatusNoContent, visits[n-1].status)
	return visits
}

func TestOtherClientsResumeAndStop(t *testing.T) {
	for name, start := range sseClients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				first := r.GetAfterSequence() + 1
				for n := first; n < first+3; n++ {
					if err := stream.Send(&streamv1.Event{Sequence: n, Text: "日本\u2028\x00"}); err != nil {
						return err
					}
				}
				if first > 1 {
					return nil
				}
				return untilCancelled(r, stream)
			})
			st := startSite(t, s, resumableSoon("heartbeat: 20ms"))
			events := start(t, st.url+"/watch/x")
			for n := range 6 {
				if n == 3 {
					st.cut(t)
				}
				e := nextOf(t, events)
				assert.JSONEq(t, `{"sequence":"`+jsonOf(n+1)+`","kind":"","text":"日本\u2028\u0000","payload":""}`, e.data)
				assert.Equal(t, jsonOf(n+1), e.id, "no event is lost or repeated")
			}
			assert.Equal(t, "grpc-status", nextOf(t, events).name)
			visits := requireGivenUp(t, st, events, 3)
			assert.Equal(t, []string{"", "3"}, []string{visits[0].lastEventID, visits[1].lastEventID})
		})
	}
}

func TestOtherClientsStopAtAPermanentErrorOnly(t *testing.T) {
	for name, start := range sseClients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var streams atomic.Int64
			s := startServer(t, "127.0.0.1:0", func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
				if streams.Add(1) == 1 {
					return status.Error(codes.Unavailable, "restarting")
				}
				return status.Error(codes.PermissionDenied, "no longer")
			})
			st := startSite(t, s, routeFile("event: {retry: "+soon+"}"))
			events := start(t, st.url+"/watch/x")
			assert.Contains(t, nextOf(t, events).data, `"status":"UNAVAILABLE"`)
			assert.Contains(t, nextOf(t, events).data, `"status":"PERMISSION_DENIED"`)
			requireGivenUp(t, st, events, 3)
		})
	}
}
