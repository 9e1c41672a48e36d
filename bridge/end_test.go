package bridge_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// endBlock is the block that follows a final grpc-status. The block has no id: the id is that of the grpc-status.
const endBlock = "id: grpc-end\n\nevent: grpc-end\ndata: {}\n\n"

func TestAFinalEndIsAlsoTheEventGrpcEnd(t *testing.T) {
	notFound, unavailable := status.Error(codes.NotFound, ""), status.Error(codes.Unavailable, "")
	for name, tt := range map[string]struct {
		watch watch
		query string
		file  []string
		final bool
	}{
		"an OK end":                                        {count(1, nil), "", nil, true},
		"an OK end without events":                         {count(0, nil), "", nil, true},
		"an error behind events":                           {count(1, notFound), "", nil, true},
		"an error before the first":                        {count(0, notFound), "", nil, true},
		"a request that does not fit":                      {count(1, nil), "?count=ten", nil, true},
		"a message that does not fit":                      {count(1, nil), "", []string{"max_event_bytes: 10"}, true},
		"an end to come back from":                         {count(1, nil), "", []string{"on_end: reconnect"}, false},
		"a failure behind events":                          {count(1, unavailable), "", onceMore(), false},
		"a failure before the first":                       {count(0, unavailable), "", nil, false},
		"an age":                                           {untilCancelled, "", []string{"max_age: 20ms", "open_wait: 1ms"}, false},
		"a code to which the route gives the verdict stop": {count(1, unavailable), "", []string{"status: {UNAVAILABLE: stop}"}, true},
	} {
		for kind, share := range map[string][]string{"private": nil, "shared": {"share: {late_join: all}"}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s := startServer(t, "127.0.0.1:0", tt.watch)
				f := startFront(t, s, routeFile(append(share, tt.file...)...))
				for client, c := range clients(t) {
					body, err := io.ReadAll(do(t, c, eventSource(t.Context(), t, f.url+"/watch/x"+tt.query)).Body)
					require.NoError(t, err)
					assert.Equal(t, tt.final, strings.HasSuffix(string(body), endBlock), "%s: %q", client, body)
					assert.Equal(t, tt.final, strings.Contains(string(body), "grpc-end"), "%s: %q", client, body)
					assert.Equal(t, 1, strings.Count(string(body), "event: grpc-status\n"), "%s: %q", client, body)
				}
			})
		}
	}
}

func TestNDJSONHasNoEventGrpcEnd(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, startFront(t, s, routeFile()).url+"/watch/x", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "application/x-ndjson")
	body, err := io.ReadAll(do(t, clients(t)["HTTP1"], r).Body)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(body), "\n"), "%q", body)
}

// onceMore is a back-off with one short attempt.
func onceMore() []string { return []string{"reopen: {max_attempts: 1, backoff: {base: 1ms, max: 1s}}"} }

// asked is one kind of client.
type asked struct{ method, accept string }

func kindsOfClients() map[string]asked {
	return map[string]asked{
		"EventSource": {http.MethodGet, "text/event-stream"},
		"curl":        {http.MethodGet, "*/*"},
		"NDJSON":      {http.MethodGet, "application/x-ndjson"},
		"POST":        {http.MethodPost, "text/event-stream"},
	}
}

func (a asked) request(ctx context.Context, t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, a.method, url, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", a.accept)
	return r
}

func TestTheSameEndCountsTheSameForEveryKindOfClient(t *testing.T) {
	opened := make(chan struct{})
	for name, tt := range map[string]struct {
		watch watch
		query string
		file  []string
		drain bool
		want  []string
	}{
		"the upstream's first word":        {count(0, status.Error(codes.NotFound, "")), "", nil, false, []string{"refused watch upstream NotFound"}},
		"a failure before the first event": {count(0, status.Error(codes.Unavailable, "")), "", nil, false, []string{"refused watch upstream Unavailable"}},
		"an end behind events":             {count(1, status.Error(codes.NotFound, "")), "", nil, false, []string{"opened watch", "ended watch upstream NotFound"}},
		"a failure behind events":          {count(1, status.Error(codes.Internal, "")), "", onceMore(), false, []string{"opened watch", "ended watch upstream Internal"}},
		"an end behind open_wait": {func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
			select {
			case <-opened:
			case <-stream.Context().Done():
			}
			return status.Error(codes.NotFound, "")
		}, "", []string{"open_wait: 1ms"}, false, []string{"opened watch", "ended watch upstream NotFound"}},
		"an OK end without events":    {count(0, nil), "", nil, false, []string{"opened watch", "ended watch upstream OK"}},
		"a request that does not fit": {count(1, nil), "?count=ten", nil, false, []string{"refused watch request InvalidArgument"}},
		"a message that does not fit": {
			send(&streamv1.Event{}, &streamv1.Event{Text: strings.Repeat("x", 200)}), "",
			[]string{"max_event_bytes: 100"}, false, []string{"opened watch", "ended watch message DataLoss"},
		},
		"an age":     {oneAndWait, "", []string{"max_age: 2s"}, false, []string{"opened watch", "ended watch max_age Unavailable"}},
		"a deadline": {untilCancelled, "", []string{"open_wait: 10s", "request: {timeout: 20ms}"}, false, []string{"refused watch upstream DeadlineExceeded"}},
		"a drain":    {count(1, nil), "", nil, true, []string{"refused watch drain Unavailable"}},
	} {
		for kind, share := range map[string][]string{"private": nil, "shared": {"share: {late_join: all}"}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s := startServer(t, "127.0.0.1:0", tt.watch)
				var waiting sync.WaitGroup
				defer waiting.Wait()
				for client, c := range clients(t) {
					for as, asked := range kindsOfClients() {
						if asked.method == http.MethodPost && tt.query != "" {
							continue // the query of a POST is not bound
						}
						methods := "methods: [GET, POST]"
						if share != nil {
							if asked.method == http.MethodPost {
								continue
							}
							methods = "methods: [GET]"
						}
						check := func() {
							l := &ledger{}
							f := startObserved(t, s, l, routeFile(slices.Concat(share, tt.file, []string{"name: watch", methods})...))
							if tt.drain {
								require.NoError(t, f.bridge.Shutdown(t.Context()))
							}
							response := do(t, c, asked.request(t.Context(), t, f.url+"/watch/x"+tt.query))
							if name == "an end behind open_wait" {
								opened <- struct{}{}
							}
							_, err := io.Copy(io.Discard, response.Body)
							require.NoError(t, err)
							require.NoError(t, f.bridge.Shutdown(t.Context()), "the observer is told of the end of every stream")
							l.mu.Lock()
							defer l.mu.Unlock()
							told := slices.DeleteFunc(l.lines, func(line string) bool { return strings.HasPrefix(line, "reopened watch ") })
							assert.Equal(t, tt.want, told, "%s over %s", as, client)
						}
						if name == "an age" {
							waiting.Go(check)
						} else {
							check()
						}
					}
				}
			})
		}
	}
}

func TestAClientThatLeavesCountsAsGone(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	for client, c := range clients(t) {
		for as, asked := range kindsOfClients() {
			l := &ledger{}
			f := startObserved(t, s, l, routeFile("name: watch", "open_wait: 1ms", "heartbeat: 10ms", "methods: [GET, POST]"))
			ctx, leave := context.WithCancel(t.Context())
			do(t, c, asked.request(ctx, t, f.url+"/watch/x"))
			leave()
			s.requireStreams(t, 0)
			require.Eventually(t, func() bool { // before the drain, which would end the stream for another reason
				l.mu.Lock()
				defer l.mu.Unlock()
				return len(l.ended) == 1
			}, 20*time.Second, time.Millisecond, "%s over %s", as, client)
			require.NoError(t, f.bridge.Shutdown(t.Context()))
			l.mu.Lock()
			require.Len(t, l.ended, 1, "%s over %s", as, client)
			assert.Contains(t, []string{"gone Canceled", "slow ResourceExhausted"}, // a heartbeat may find out first
				string(l.ended[0].Reason)+" "+l.ended[0].Code.String(), "%s over %s", as, client)
			l.mu.Unlock()
		}
	}
}

func TestHEADIsNoStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	l := &ledger{}
	f := startObserved(t, s, l, routeFile("name: watch"))
	resp := do(t, clients(t)["HTTP1"], asked{http.MethodHead, "text/event-stream"}.request(t.Context(), t, f.url+"/watch/x"))
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	do(t, clients(t)["HTTP1"], asked{http.MethodHead, "text/event-stream"}.request(t.Context(), t, f.url+"/nowhere"))
	require.NoError(t, f.bridge.Shutdown(t.Context()))
	assert.Equal(t, []string{"refused  request NotFound"}, l.lines)
	assert.Zero(t, s.opened.Load())
}

// startObserved does the same as startFront, with an observer.
func startObserved(t *testing.T, s *server, o bridge.Observer, file string) *front {
	t.Helper()
	cfg := parse(t, s, file)
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(o))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}
}
