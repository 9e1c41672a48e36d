package bridge_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// Each open stream is listed from its beginning to its end: private and shared ones, on every transport.
func TestStreamsListsTheOpenStreams(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	overEveryTransport(t, func(t *testing.T) *front {
		return startFront(t, s, sharedAndPrivate())
	}, func(t *testing.T, f *front, client *http.Client, url string) {
		began := time.Now()
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		for _, path := range []string{"/shared/a", "/shared/a", "/shared/b", "/private/a"} {
			r := eventSource(ctx, t, url+path)
			r.Header.Set("X-Token", "hunter2")
			resp := do(t, client, r)
			defer func() { _ = resp.Body.Close() }()
		}
		var all []bridge.StreamInfo
		require.Eventually(t, func() bool {
			all = slices.Collect(f.bridge.Streams(0))
			return len(all) == 4
		}, patience, time.Millisecond)
		for i, want := range []string{"shared", "shared", "shared", "private"} {
			got := all[i]
			assert.Equal(t, want, got.Route)
			assert.Equal(t, want == "shared", got.Shared)
			assert.Equal(t, got.Shared, got.Key != "")
			assert.True(t, got.Client.IsLoopback(), got.Client)
			assert.WithinRange(t, got.Began, began, time.Now())
			assert.NotContains(t, got.Key, "hunter2")
		}
		assert.Equal(t, all[0].Key, all[1].Key, "one request")
		assert.NotEqual(t, all[0].Key, all[2].Key, "another request")
		assert.Equal(t, all[2:], slices.Collect(f.bridge.Streams(all[1].ID)), "the streams after one")
		assert.Empty(t, slices.Collect(f.bridge.Streams(all[3].ID)))
		for range f.bridge.Streams(0) {
			break // a caller may stop early
		}
		leave()
		require.Eventually(t, func() bool { return len(slices.Collect(f.bridge.Streams(0))) == 0 }, patience, time.Millisecond)
	})
}

func sharedAndPrivate() string {
	return strings.TrimSpace(`
upstreams: {test: {target: "ADDR"}}
defaults: {open_wait: 1ms, upstream: test, metadata: {forward: [x-token]}}
routes:
  - {name: shared, path: "/shared/{topic}", rpc: test.stream.v1.StreamService/Watch, share: {late_join: all, linger: 0s}}
  - {name: private, path: "/private/{topic}", rpc: test.stream.v1.StreamService/Watch}
`)
}

// An upstream that goes down is shown as down since then, and one that comes back as up. A schema that was read stays known.
func TestUpstreamsShowsWhichServersAreThere(t *testing.T) {
	s := startServer(t, loopback.Own(), untilCancelled)
	f := startFront(t, s, `
upstreams:
  test: {target: "ADDR"}
  never: {target: "127.0.0.1:1"}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch, upstream: test}
`)
	requireUpstream := func(i int, want bridge.UpstreamState) bridge.UpstreamInfo {
		t.Helper()
		var got bridge.UpstreamInfo
		require.Eventually(t, func() bool {
			got = f.bridge.Upstreams()[i]
			return got.State == want
		}, patience, time.Millisecond, "the state %s", want)
		return got
	}
	require.NoError(t, f.bridge.Ready(t.Context()))
	up := requireUpstream(0, bridge.UpstreamUp)
	assert.Equal(t, bridge.UpstreamInfo{
		Name: "test", Target: s.addr, State: bridge.UpstreamUp, Since: up.Since, SchemaRead: true, Connections: 1,
	}, up)
	never := requireUpstream(1, bridge.UpstreamDown)
	assert.False(t, never.SchemaRead)
	assert.Equal(t, "never", never.Name)

	s.grpc.Stop()
	down := requireUpstream(0, bridge.UpstreamDown)
	assert.True(t, down.Since.After(up.Since))
	assert.True(t, down.SchemaRead)
	startServer(t, s.addr, untilCancelled)
	assert.True(t, requireUpstream(0, bridge.UpstreamUp).Since.After(down.Since))
}

// A route says which method it serves, and which parts of a request set which fields.
func TestRoutesSaysWhatBinds(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, `
upstreams: {test: {target: "ADDR"}}
routes:
  - path: "/watch/{topic}"
    rpc: test.stream.v1.StreamService/Watch
    request: {query: [tags, filter.venue], set: {after_sequence: "${last_event_id}"}}
  - {path: /posted, rpc: test.stream.v1.StreamService/Watch, methods: [POST], body: filter, request: {query: [topic]}}
  - {path: /missing, rpc: test.stream.v1.StreamService/Missing}
`)
	require.NoError(t, f.bridge.Ready(t.Context()))
	infos := f.bridge.Routes()
	require.Len(t, infos, 3)
	bindings := func(info bridge.RouteInfo) (out []string) {
		for _, b := range info.Bindings() {
			path := ""
			for _, fd := range b.Path {
				path += "/" + string(fd.Name())
			}
			out = append(out, string(b.From)+" "+b.Name+" "+path)
		}
		return out
	}
	assert.Equal(t, []string{"path topic /topic", "query tags /tags", "query filter.venue /filter/venue"}, bindings(infos[0]))
	assert.Equal(t, []string{"query topic /topic", "body  /filter"}, bindings(infos[1]))
	assert.Empty(t, bindings(infos[2]), "out of order")
	assert.Equal(t, "test.stream.v1.StreamService.Watch", string(infos[0].Method.FullName()))
	assert.Nil(t, infos[2].Method)
	assert.Equal(t, "after_sequence", infos[0].Config.Request.Set[0].Field)
}

// The host is the one that a trusted proxy names, as for a stream.
func TestServesHost(t *testing.T) {
	cfg := config.New()
	cfg.Server.Hosts = []string{"app.example.com"}
	cfg.Server.TrustedProxies = []string{"10.0.0.0/8"}
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	for _, tt := range []struct {
		from, host, forwarded string
		want                  bool
	}{
		{"10.0.0.1:1", "app.example.com:443", "", true},
		{"10.0.0.1:1", "evil.example.com", "", false},
		{"10.0.0.1:1", "inside:8080", "app.example.com", true},
		{"192.0.2.1:1", "inside:8080", "app.example.com", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = tt.from, tt.host
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-Host", tt.forwarded)
			r.Header.Set("X-Forwarded-For", "192.0.2.9")
		}
		assert.Equal(t, tt.want, b.ServesHost(r), "%+v", tt)
	}
}
