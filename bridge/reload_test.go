package bridge_test

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// fileOf returns a file with one upstream and the given routes of it. Each route is the part of its mapping behind the rpc, and
// its path. The streams of routes that a reload changes end within a tenth of a second.
func fileOf(routes ...string) string {
	file := "server: {drain_timeout: 100ms}\nupstreams: {test: {target: ADDR}}\ndefaults: {open_wait: 10s}\nroutes:\n"
	for _, r := range routes {
		file += "  - {rpc: test.stream.v1.StreamService/Watch, " + r + "}\n"
	}
	return file
}

// resuming is the part of a route that can go on after an id.
const resuming = `event: {id: sequence, retry: 500ms}, request: {set: {after_sequence: "${last_event_id}"}}`

func (f *front) reload(t *testing.T, s *server, file string) {
	t.Helper()
	require.NoError(t, f.bridge.Reload(t.Context(), parse(t, s, file)))
}

// requireDrained expects that a stream ends as in a drain, and that its client comes back.
func requireDrained(t *testing.T, r *reader) {
	t.Helper()
	all := r.all(t)
	require.NotEmpty(t, all)
	last := all[len(all)-1]
	assert.Equal(t, "grpc-status", last.name)
	assert.Contains(t, last.data, `"retry":true,"reason":"drain"`)
	assert.Empty(t, last.id)
}

// nextMessage returns the next event that stands for a message, after the notices before it.
func nextMessage(t *testing.T, r *reader) event {
	t.Helper()
	for {
		e, err := r.next()
		require.NoError(t, err)
		if !strings.HasPrefix(e.name, "grpc-") {
			return e
		}
	}
}

func TestAReloadTouchesOnlyTheRoutesThatChanged(t *testing.T) {
	const shared = "share: {late_join: none}, "
	for _, kind := range transports(t) {
		for name, share := range map[string]string{"private": "", "shared": shared} {
			t.Run(kind.name+", "+name, func(t *testing.T) {
				h := newHistory(0)
				s := startServer(t, "127.0.0.1:0", h.watch)
				kept := "path: /kept, " + share + resuming
				f := startFront(t, s, fileOf(kept, "path: /changed, "+share+resuming, "path: /removed, "+share+resuming))
				url, client := kind.dial(t, f)
				open := func(path string) *reader {
					t.Helper()
					resp := do(t, client, eventSource(t.Context(), t, url+path))
					require.Equal(t, http.StatusOK, resp.StatusCode)
					return newReader(resp)
				}
				one, changed, removed := open("/kept"), open("/changed"), open("/removed")
				h.requireBegun(t, 3)
				h.publish(1)
				for _, r := range []*reader{one, changed, removed} {
					requireIDs(t, r, "1")
				}
				f.reload(t, s, fileOf(kept, "path: /changed, json: {field_names: proto}, "+share+resuming, "path: /added, "+share+resuming))
				requireDrained(t, changed)
				requireDrained(t, removed)
				s.requireStreams(t, 1)
				again := do(t, client, eventSource(t.Context(), t, url+"/removed"))
				assert.Equal(t, http.StatusNotFound, again.StatusCode)
				two := open("/kept")
				changed = newReader(do(t, client, eventSource(t.Context(), t, url+"/changed", "Last-Event-ID", "1")))
				added := open("/added")
				if share == "" {
					h.requireBegun(t, 6)
				} else {
					h.requireBegun(t, 5) // the second client of /kept shares the stream of the first
				}
				h.publish(1)
				for _, r := range []*reader{one, two, added, changed} {
					assert.Equal(t, "2", nextMessage(t, r).id)
				}
			})
		}
	}
}

// never is the source of a route of the program. It sends nothing.
func never(ctx context.Context, _ struct{}) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		<-ctx.Done()
		yield("", ctx.Err())
	}
}

func TestRoutesOfTheProgramStay(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	own := config.NewRoute("/own")
	own.OpenWait = time.Millisecond
	b, err := bridge.New(t.Context(), parse(t, s, fileOf("path: /a")), bridge.WithRoute(own, bridge.Func(never)))
	require.NoError(t, err)
	url := serveHTTP(t, b)
	r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/own")))
	require.NoError(t, b.Reload(t.Context(), parse(t, s, fileOf("path: /b"))))
	require.NoError(t, b.Reload(t.Context(), nil))
	paths := []string{}
	for _, rt := range b.Routes() {
		paths = append(paths, rt.Path)
	}
	assert.Equal(t, []string{"/own"}, paths)
	require.NoError(t, b.Shutdown(t.Context()))
	all := r.all(t)
	assert.Contains(t, all[len(all)-1].data, "shutting down", "the stream has ended with the bridge, and not before")
}

func TestServerSettingsAreReloaded(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f, text := logged(t, s, fileOf("path: '/{topic}', open_wait: 1ms, share: {late_join: none}"))
	client := clients(t)["HTTP1"]
	limited := func(server string) {
		t.Helper()
		f.reload(t, s, strings.Replace(fileOf("path: '/{topic}', open_wait: 1ms, share: {late_join: none}"), "drain_timeout: 100ms", server, 1))
	}
	do(t, client, eventSource(t.Context(), t, f.url+"/a"))
	s.requireStreams(t, 1)
	limited("limits: {streams: 1}")
	_, _, answer := ask(t, client, f.url+"/b")
	assert.Contains(t, answer.Message, "too many streams")
	limited("limits: {shared_streams: 1}")
	_, _, answer = ask(t, client, f.url+"/b")
	assert.Contains(t, answer.Message, "too many different streams")
	limited("hosts: [app.example.com]")
	assert.Equal(t, http.StatusMisdirectedRequest, do(t, client, plain(t, f.url+"/b")).StatusCode)
	limited("limits: {streams: 9}")
	do(t, client, eventSource(t.Context(), t, f.url+"/b"))
	s.requireStreams(t, 2)
	assert.Empty(t, linesWith(text.String(), "needs a restart"))
	limited("listen: ':1'")
	assert.Len(t, linesWith(text.String(), "needs a restart"), 1)
	assert.Contains(t, text.String(), "key=server.listen")
	s.requireStreams(t, 2)
}
