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
	ended []bridge.StreamStats
}

func (l *ledger) note(words ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.Join(words, " "))
}

func (l *ledger) StreamOpened(route string) { l.note("opened", route) }
func (l *ledger) StreamEnded(route string, s bridge.StreamStats) {
	l.note("ended", route, string(s.Reason), s.Code.String())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, s)
}
func (l *ledger) Refused(route string, reason bridge.Reason, code codes.Code) {
	l.note("refused", route, string(reason), code.String())
}
func (l *ledger) LimitReached(route string, limit bridge.Limit) {
	l.note("limit", route, string(limit))
}
func (l *ledger) IDLeftOut(route string) { l.note("id left out", route) }
func (l *ledger) Reopened(route string)  { l.note("reopened", route) }
func (l *ledger) TypeUnknown(route, name string) {
	l.note("type unknown", route, name)
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
	cfg, err := config.Parse("grpcsse.yaml", []byte(strings.ReplaceAll(resumable("name: news")+`
  - {name: long, path: /long, rpc: test.stream.v1.StreamService/Watch, event: {id: text}}
  - {name: shared, path: /shared, rpc: test.stream.v1.StreamService/Watch, event: {id: text}, share: {late_join: all}}
`, "ADDR", s.addr)))
	require.NoError(t, err)
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
		"opened news", "reopened news", "ended news upstream OK",
		"refused news upstream NotFound", "refused news upstream NotFound", // one for an EventSource, and one for curl
		"refused  request NotFound",
		"id left out long", "opened long", "ended long upstream OK",
		"id left out shared", "opened shared", "ended shared upstream OK",
	}, l.lines)
	assert.True(t, slices.ContainsFunc(l.ended, func(s bridge.StreamStats) bool {
		return s.Events == 2 && s.Bytes > 0 && s.Duration > 0
	}), "%+v", l.ended)
}

// startled is an observer that panics when a stream begins.
type startled struct{ bridge.NopObserver }

func (startled) StreamOpened(string) { panic("an observer of the program") }

func TestAPanicInTheHandlerLeavesNothingBehind(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	cfg, err := config.Parse("grpcsse.yaml", []byte(strings.ReplaceAll(routeFile("open_wait: 1ms"), "ADDR", s.addr)))
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(startled{}))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	url := serveThrough(t, b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { // as net/http does, without its log
			if recover() != nil {
				w.WriteHeader(http.StatusTeapot)
			}
		}()
		b.ServeHTTP(w, r)
	}))
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/x"))
	assert.Equal(t, http.StatusTeapot, resp.StatusCode)
	s.requireStreams(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, b.Shutdown(ctx), "no stream is open")
}
