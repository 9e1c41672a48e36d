package bridge_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/membus"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// startCluster starts bridges with one file that share over a bus in memory.
func startCluster(t *testing.T, n int, s *server, file string) (fronts []*front, hub *membus.Hub) {
	t.Helper()
	hub = membus.NewHub(1)
	cfg := parse(t, s, file)
	codec, err := wire.NewCodec(wire.Settings{Name: "test", Secret: []byte(strings.Repeat("s", 32)), Seal: true})
	require.NoError(t, err)
	for range n {
		bus := hub.Join(64 << 10)
		node, err := cluster.New(bus, codec, cluster.Options{})
		require.NoError(t, err)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
			defer cancel()
			node.Close(ctx)
			bus.Close()
		})
		b, err := bridge.New(t.Context(), cfg, bridge.WithCluster(node))
		require.NoError(t, err)
		require.NoError(t, b.Ready(t.Context()))
		fronts = append(fronts, &front{bridge: b, url: serveHTTP(t, b)})
	}
	return fronts, hub
}

func TestOneUpstreamStreamServesTheBrowsersOfAllBridges(t *testing.T) {
	for kind, client := range clients(t) {
		for name, file := range map[string]string{
			"ids of the upstream": routeFile("event: {id: sequence}", "share: {late_join: all, linger: 100ms}"), "ids of the bridge": routeFile("share: {late_join: all, linger: 100ms}"),
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				p := newTopic()
				s := startServer(t, "127.0.0.1:0", p.watch)
				fronts, hub := startCluster(t, 3, s, file)
				var readers []*reader
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for _, f := range fronts {
					readers = append(readers, newReader(do(t, client, eventSource(ctx, t, f.url+"/watch/x"))))
				}
				p.send(t, 1, 2, 3)
				var told [3][]event
				for i, r := range readers {
					for range 3 {
						e, err := r.afterCursor()
						require.NoError(t, err)
						told[i] = append(told[i], e)
					}
					assert.Equal(t, told[0], told[i], "an id stands for one event on all bridges")
				}
				late := newReader(do(t, client, eventSource(ctx, t, fronts[2].url+"/watch/x", "Last-Event-ID", told[0][1].id)))
				e, err := late.afterCursor()
				require.NoError(t, err)
				assert.Equal(t, told[0][2], e, "an id of one bridge resumes on another")
				assert.EqualValues(t, 1, s.opened.Load(), "streams opened at the server")
				cancel()
				s.requireStreams(t, 0)
				require.Eventually(t, func() bool { return hub.Entries() == 0 }, patience, time.Millisecond)
			})
		}
	}
}

// The owner is the bridge to which the first browser came. It drains, and the browsers of the other bridge notice nothing.
func TestABridgeThatDrainsHandsItsStreamsOver(t *testing.T) {
	h := newHistory(0)
	s := startServer(t, "127.0.0.1:0", h.watch)
	fronts, _ := startCluster(t, 2, s, resumable("share: {late_join: none, linger: 1m}"))
	client := clients(t)["HTTP1"]
	first := newReader(do(t, client, eventSource(t.Context(), t, fronts[0].url+"/watch/x")))
	h.publish(1)
	requireIDs(t, first, "1")
	second := newReader(do(t, client, eventSource(t.Context(), t, fronts[1].url+"/watch/x", "Last-Event-ID", "1")))
	h.publish(1)
	requireIDs(t, first, "2")
	requireIDs(t, second, "2")

	fronts[0].drain(t, 2*time.Second)
	requireComesBack(t, first)
	require.NoError(t, fronts[0].bridge.Close())
	for n := range 3 {
		h.publish(1)
		requireIDs(t, second, fmt.Sprint(n+3))
	}
	first = newReader(do(t, client, eventSource(t.Context(), t, fronts[1].url+"/watch/x", "Last-Event-ID", "2")))
	requireIDs(t, first, "3", "4", "5")
	s.requireStreams(t, 1)
}

// requireComesBack reads the end of a stream that tells the browser to come back.
func requireComesBack(t *testing.T, r *reader) {
	t.Helper()
	for {
		e, err := r.next()
		require.NoError(t, err)
		if e.name == "grpc-status" {
			assert.Contains(t, e.data, `"retry":true`)
			return
		}
	}
}

// What the upstream answers ends the browsers of all bridges alike.
func TestTheEndOfTheUpstreamReachesTheBrowsersOfAllBridges(t *testing.T) {
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	fronts, _ := startCluster(t, 2, s, sharedRoute("all", "metadata: {expose: [x-served-by]}"))
	client := clients(t)["h2c"]
	var readers []*reader
	for _, f := range fronts {
		resp := do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
		assert.Equal(t, "one", resp.Header.Get("X-Served-By"))
		readers = append(readers, newReader(resp))
	}
	p.send(t, 1)
	p.ends <- status.Error(codes.NotFound, "that was all")
	for _, r := range readers {
		requireIDs(t, r, "1")
		rest := r.all(t)
		require.NotEmpty(t, rest)
		assert.Equal(t, "grpc-status", rest[0].name)
		assert.Contains(t, rest[0].data, `"message":"that was all"`)
	}
	assert.EqualValues(t, 1, s.opened.Load())
	s.requireStreams(t, 0)
}

func TestARouteMayStayOutOfTheCluster(t *testing.T) {
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	fronts, hub := startCluster(t, 2, s, resumable("share: {late_join: all, linger: 100ms, cluster: false}"))
	client := clients(t)["HTTP1"]
	for _, f := range fronts {
		do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
	}
	s.requireStreams(t, 2)
	assert.Zero(t, hub.Entries())
}

// Where the store of the bus does not answer, each bridge serves alone. When it answers again, one upstream stream is left. The
// browsers of the other bridge go on by their ids, although the two bridges began their logs without each other.
func TestWithoutTheBusEachBridgeServesAlone(t *testing.T) {
	h := newHistory(0)
	s := startServer(t, "127.0.0.1:0", h.watch)
	fronts, hub := startCluster(t, 2, s, resumable("share: {late_join: none, linger: 1m}"))
	client := clients(t)["HTTP1"]
	hub.Silence(true)
	var readers []*reader
	for _, f := range fronts {
		readers = append(readers, newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))))
	}
	h.requireBegun(t, 2)
	stop := h.publishEvery(t, 20*time.Millisecond) // an id of the first moments is behind a snapshot, as far as a bridge knows
	for _, r := range readers {
		requireIDs(t, r, "1", "2")
	}
	hub.Silence(false)
	s.requireStreams(t, 1)
	stop()
	h.publish(2)
	newest, _ := h.now()
	for _, r := range readers {
		for n := int64(3); n <= newest; n++ {
			requireIDs(t, r, strconv.FormatInt(n, 10))
		}
	}
	s.requireStreams(t, 1)
}
