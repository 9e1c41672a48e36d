package bridge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// ledger is an observer that records its calls.
type ledger struct {
	bridge.NopObserver
	mu    sync.Mutex
	lines []string
	ended []bridge.StreamEnd
}

func (l *ledger) note(words ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.Join(words, " "))
}

func (l *ledger) StreamOpened(s bridge.StreamOpening) { l.note("opened", s.Route) }
func (l *ledger) StreamEnded(s bridge.StreamEnd) {
	l.note("ended", s.Route, string(s.Reason), s.Code.String())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, s)
}
func (l *ledger) ClientLeft(s bridge.StreamOpening) { l.note("left", s.Route) }
func (l *ledger) Refused(r bridge.Refusal) {
	l.note("refused", r.Route, string(r.Reason), r.Code.String())
	if r.Limit != "" {
		l.note("limit", r.Route, string(r.Limit))
	}
}
func (l *ledger) IDLeftOut(e bridge.LeftOutID) { l.note("id left out", e.Route) }
func (l *ledger) Reopened(r bridge.Reopening) {
	l.note("reopened", r.Route, r.Code.String(), shared(r.Shared))
}
func (l *ledger) TypeUnknown(u bridge.UnknownType) {
	l.note("type unknown", u.Route, u.Name)
}

func shared(is bool) string {
	if is {
		return "shared"
	}
	return "private"
}

func TestTheObserverIsTold(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		switch {
		case r.GetTopic() == "refused":
			return status.Error(codes.NotFound, "")
		case r.GetAfterSequence() == 0:
			if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "")
		}
		return stream.Send(&streamv1.Event{Sequence: 2})
	})
	cfg := parse(t, s, resumable("name: news")+`
  - {name: long, path: /long, rpc: test.stream.v1.StreamService/Watch, event: {id: text}}
  - {name: shared, path: /shared, rpc: test.stream.v1.StreamService/Watch, event: {id: text}, share: {late_join: all}}
`)
	l := &ledger{}
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(l), bridge.WithObserver(nil))
	require.NoError(t, err)
	url := serveHTTP(t, b)
	require.NoError(t, b.Ready(t.Context()))
	client := clients(t)["HTTP1"]

	newReader(do(t, client, eventSource(t.Context(), t, url+"/watch/x"))).all(t)
	ask(t, client, url+"/watch/refused")
	do(t, client, eventSource(t.Context(), t, url+"/none"))
	w := watch(func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		return stream.Send(&streamv1.Event{Text: strings.Repeat("x", 200)})
	})
	s.watch.Store(&w)
	newReader(do(t, client, eventSource(t.Context(), t, url+"/long"))).all(t)
	newReader(do(t, client, eventSource(t.Context(), t, url+"/shared"))).all(t)
	require.NoError(t, b.Shutdown(t.Context()), "the observer is told of the end of every stream")

	l.mu.Lock()
	defer l.mu.Unlock()
	assert.ElementsMatch(t, []string{ // in any order: streams do not wait for each other, and the reader of a stream does not wait for its writer
		"opened news", "reopened news Unavailable private", "ended news upstream OK",
		"refused news upstream NotFound", "refused news upstream NotFound", // one for an EventSource, and one for curl
		"refused  request NotFound",
		"id left out long", "opened long", "ended long upstream OK",
		"id left out shared", "opened shared", "ended shared upstream OK",
	}, l.lines)
	assert.True(t, slices.ContainsFunc(l.ended, func(s bridge.StreamEnd) bool {
		return s.Events == 2 && s.Bytes > 0 && s.Duration > 0
	}), "%+v", l.ended)
}

// lifetime is an observer of the bridge as a whole.
type lifetime struct {
	bridge.NopObserver

	started, closed []*bridge.Bridge
}

func (l *lifetime) Started(b *bridge.Bridge) { l.started = append(l.started, b) }
func (l *lifetime) Closed(b *bridge.Bridge)  { l.closed = append(l.closed, b) }

func TestTheObserverIsHandedTheBridge(t *testing.T) {
	l := &lifetime{}
	_, err := bridge.New(t.Context(), &config.Config{Upstreams: []*config.Upstream{{Name: "x"}}}, bridge.WithObserver(l))
	require.Error(t, err)
	assert.Empty(t, l.started, "there is no bridge")
	b, err := bridge.New(t.Context(), nil, bridge.WithObserver(l))
	require.NoError(t, err)
	assert.Equal(t, []*bridge.Bridge{b}, l.started)
	assert.Empty(t, l.closed)
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	assert.Equal(t, []*bridge.Bridge{b}, l.closed, "a second Close tells nothing")
}

// balking is a ResponseWriter of the program that panics when a stream begins.
type balking struct{ http.ResponseWriter }

func (r balking) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r balking) WriteHeader(status int) {
	if status == http.StatusOK {
		panic("a ResponseWriter of the program")
	}
	r.ResponseWriter.WriteHeader(status)
}

func TestAPanicInTheHandlerLeavesNothingBehind(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	cfg := parse(t, s, routeFile("open_wait: 1ms"))
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	url := serveThrough(t, b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { // as net/http does, without its log
			if recover() != nil {
				w.WriteHeader(http.StatusTeapot)
			}
		}()
		b.ServeHTTP(balking{w}, r)
	}))
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/x"))
	assert.Equal(t, http.StatusTeapot, resp.StatusCode)
	s.requireStreams(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, b.Shutdown(ctx), "no stream is open")
}

// startled is an observer whose every method panics.
type startled struct{ bridge.Observer }

// Each kind of stream, on every kind of connection, goes on where the observer panics. The observer behind it is told all.
func TestAnObserverThatPanicsHarmsNothing(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if r.GetAfterSequence() > 0 {
			return stream.Send(&streamv1.Event{Sequence: 2, Text: "more"})
		}
		if err := stream.Send(&streamv1.Event{Sequence: 1, Text: strings.Repeat("x", 200)}); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "")
	})
	cfg := parse(t, s, resumable("name: news")+`
  - name: shared
    path: /shared/{topic}
    rpc: test.stream.v1.StreamService/Watch
    event: {id: sequence}
    share: {late_join: all}
    request: {set: {after_sequence: "${last_event_id}"}}
`)
	l := &ledger{}
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(startled{}), bridge.WithObserver(l))
	require.NoError(t, err)
	url := serveHTTP(t, b)
	require.NoError(t, b.Ready(t.Context()))
	opened := 0
	for name, client := range clients(t) {
		for _, path := range []string{"/watch/x", "/shared/" + name} {
			events := newReader(do(t, client, eventSource(t.Context(), t, url+path))).all(t)
			require.NotEmpty(t, events, name)
			assert.Equal(t, "grpc-status", events[len(events)-1].name, name)
		}
		do(t, client, eventSource(t.Context(), t, url+"/none"))
		opened++
	}
	require.NoError(t, b.Shutdown(t.Context()))
	require.NoError(t, b.Close())
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range []string{
		"opened news", "reopened news Unavailable private", "ended news upstream OK", "refused  request NotFound",
		"opened shared", "reopened shared Unavailable shared", "ended shared upstream OK",
	} {
		assert.Equal(t, opened, len(slices.DeleteFunc(slices.Clone(l.lines), func(s string) bool { return s != line })), line)
	}
}

func TestTheObserverIsToldOfAClientThatLeavesBeforeItsAnswer(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	l := &ledger{}
	f := startObserved(t, s, l, routeFile("open_wait: 1m", "name: slow"))
	for _, client := range clients(t) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			s.requireStreams(t, 1)
			cancel()
		}()
		resp, err := client.Do(eventSource(ctx, t, f.url+"/watch/x"))
		if err == nil { // the bridge's answer came before the client had seen that it was to leave
			_ = resp.Body.Close()
			assert.Equal(t, 499, resp.StatusCode)
		}
		s.requireStreams(t, 0)
	}
	require.NoError(t, f.bridge.Shutdown(t.Context()))
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Equal(t, slices.Repeat([]string{"left slow"}, len(clients(t))), l.lines)
}
