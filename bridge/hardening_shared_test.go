package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// Two clients in a loop with made-up cursors cost those who come without one nothing, and the upstream little, however the upstream
// answers a made-up cursor.
func TestMadeUpCursorsCostInnocentNewcomersNothing(t *testing.T) {
	ignored := func(h *history) watch {
		return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
			newest, _ := h.now()
			for _, n := range newestOfEachKey(newest) {
				if err := stream.Send(&streamv1.Event{Sequence: n, Kind: "snapshot"}); err != nil {
					return err
				}
			}
			return h.follow(newest, stream)
		}
	}
	for name, answer := range map[string]func(*history) watch{
		"an end": func(*history) watch {
			return func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error { return nil }
		},
		"NOT_FOUND":        func(*history) watch { return refusing(codes.NotFound) },
		"INVALID_ARGUMENT": func(*history) watch { return refusing(codes.InvalidArgument) },
		"silence":          func(*history) watch { return untilCancelled },
		"it is ignored":    ignored,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it counts for some seconds
			var opened openings
			h := newHistory(100)
			h.snapshot = newestOfEachKey
			h.madeUp = func(int64) (watch, bool) { return answer(h), true }
			h.began = opened.note
			s := startServer(t, "127.0.0.1:0", h.watch)
			h.publishEvery(t, 5*time.Millisecond)
			f, seen := startCounted(t, s, historyRoute(`metadata: {set: {x-after: "${last_event_id}"}}`, "reopen: {backoff: {base: 1ms, max: 10ms}}"))
			stop := hostile(t, f.url+"/watch/x", 1<<62, 4711000)
			client := clients(t)["HTTP1"]
			stay := gather(t, 3, func(string) *http.Client { return client }, f.url)
			began := time.Now()
			for newcomers := 0; newcomers < 30 || time.Since(began) < 2500*time.Millisecond; newcomers++ {
				resp := do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
				in := newReader(resp)
				e, err := in.next()
				require.NoError(t, err)
				if e.name == "grpc-cursor" {
					e, err = in.next()
					require.NoError(t, err)
				}
				assert.Contains(t, []string{"live", "snapshot"}, e.name)
				assert.NotEmpty(t, e.id)
				_ = resp.Body.Close()
			}
			stay.disperse()
			stay.assertClean(t)
			assert.EqualValues(t, 1, h.fresh.Load(), "the shared stream is opened once")
			assert.Positive(t, h.resumed.Load())
			stop()
			if _, outcomes := seen.counted(t); outcomes[bridge.CatchUpMet] == 0 { // the turn of one that has met the log is free at once
				assert.LessOrEqual(t, opened.mostInASecond(), 8, "streams that are opened in one second")
			} else {
				assert.Equal(t, "it is ignored", name, "what the upstream answers has met the log")
			}
		})
	}
}

// openings notes when streams are opened.
type openings struct {
	mu sync.Mutex
	at []time.Time
}

func (o *openings) note(*streamv1.WatchRequest) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = append(o.at, time.Now())
	return nil
}

// mostInASecond returns how many streams were opened within one second at most.
func (o *openings) mostInASecond() (most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := 0
	for i, at := range o.at {
		for at.Sub(o.at[first]) > time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func refusing(code codes.Code) watch {
	return func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-stream.Context().Done():
		}
		return status.Error(code, "no such event")
	}
}

// hostile has one client for each number connect with this id, read an event, and leave, for as long as the test likes. The id of
// each further visit is one more.
func hostile(t *testing.T, url string, ids ...int64) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, id := range ids {
		client := newClient(t, "")
		running.Go(func() {
			for ; ctx.Err() == nil; id++ {
				once, leave := context.WithTimeout(ctx, 50*time.Millisecond)
				resp, err := client.Do(eventSource(once, t, url, "Last-Event-ID", fmt.Sprint(id)))
				if err == nil {
					_, _ = newReader(resp).next()
					_ = resp.Body.Close()
				}
				leave()
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

// The values of a header cannot be chosen so that two requests with different ones share a stream.
func TestForgedHeadersShareWithNobody(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		text := ""
		for _, name := range []string{"x-a", "x-b"} {
			for _, value := range incoming(stream.Context()).Get(name) {
				text += name + "=" + value + ";"
			}
		}
		if err := stream.Send(&streamv1.Event{Text: text}); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	})
	f := startFront(t, s, routeFile("metadata: {forward: [x-a, x-b]}", "share: {late_join: all}"))
	seen := map[string]bool{}
	for _, header := range []http.Header{
		{}, {"X-A": {"1"}}, {"X-A": {"1", "1"}}, {"X-A": {"11"}}, {"X-A": {"1:1"}}, {"X-B": {"1"}},
		{"X-A": {"1"}, "X-B": {"1"}}, {"X-A": {"x"}}, {"X-A": {"x1:y"}}, {"X-A": {"x", "y"}}, {"X-A": {"x1", "y"}},
		{"X-A": {"a0:a0:a0:a0:a0:b"}}, {"X-A": {"a", "", "b"}}, {"X-A": {"13:x-b11:1"}},
	} {
		r := eventSource(t.Context(), t, f.url+"/watch/x")
		for name, values := range header {
			r.Header[name] = values
		}
		want := ""
		for _, name := range []string{"X-A", "X-B"} {
			for _, value := range header[name] {
				if value != "" { // which is not sent
					want += map[string]string{"X-A": "x-a", "X-B": "x-b"}[name] + "=" + value + ";"
				}
			}
		}
		e := requireEvent(t, newReader(do(t, clients(t)["HTTP1"], r)), "")
		assert.Contains(t, e.data, `"text":"`+want+`"`)
		seen[want] = true
	}
	assert.EqualValues(t, len(seen), s.opened.Load())
}

// Two routes that call the same method with the same request share only where everything about them is the same.
func TestRoutesThatDifferDoNotShare(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.Send(&streamv1.Event{Sequence: 1, Kind: "tick"}); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	})
	cfg := parse(t, s, "upstreams: {test: {target: ADDR}}\nroutes:\n"+
		"  - {name: one, path: \"/a/{topic}\", rpc: test.stream.v1.StreamService/Watch, share: {late_join: all}}\n"+
		"  - {name: two, path: \"/b/{topic}\", rpc: test.stream.v1.StreamService/Watch, share: {late_join: all}, json: {field_names: proto, emit_defaults: false}, event: {id: kind}}\n")
	cfg.Routes[0].Name, cfg.Routes[1].Name = "same", "same" // as derived routes can be called
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	url := serveHTTP(t, b)
	first := requireEvent(t, newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/a/x"))), "")
	second := requireEvent(t, newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/b/x"))), "")
	assert.NotEqual(t, first.data, second.data)
	assert.Equal(t, "tick", second.id)
	assert.EqualValues(t, 2, s.opened.Load())
}

// What such a setting gives would be sent on behalf of everybody who shares the stream, and is not in its key.
func TestASettingThatMixesCursorAndCallerIsRefusedOnASharedRoute(t *testing.T) {
	for _, mix := range []config.Template{
		{{Ref: "last_event_id"}, {Text: ":"}, {Ref: "header.x-user", HasDefault: true, Default: "anon"}},
		{{Ref: "cookie.s", HasDefault: true}, {Ref: "last_event_id"}},
		{{Ref: "path.topic"}, {Ref: "last_event_id", HasDefault: true}},
		{{Ref: "last_event_id"}, {Ref: "query.q", HasDefault: true}},
	} {
		for where, set := range map[string]func(*config.Route){
			"request": func(r *config.Route) { r.Request.Set = []config.Setting{{Field: "name", Value: mix}} },
			"request, in a message": func(r *config.Route) {
				r.Request.Set = []config.Setting{{Field: "filter", Members: []config.Setting{
					{Field: "venue", Value: mix[:1]}, {Field: "inner", Members: []config.Setting{{Field: "venue", Value: mix[1:]}}},
				}}}
			},
			"metadata": func(r *config.Route) { r.Metadata.Set = []config.MetadataSetting{{Name: "x-resume", Value: mix}} },
		} {
			t.Run(where, func(t *testing.T) {
				s := startServer(t, "127.0.0.1:0", untilCancelled)
				cfg, err := config.Parse("grpcsse.yaml", []byte("upstreams: {test: {target: \""+s.addr+"\"}}\n"+
					"routes: [{path: \"/watch/{topic}\", rpc: test.stream.v1.StreamService/Watch, share: {late_join: all}}]\n"))
				require.NoError(t, err)
				set(cfg.Routes[0]) // as if nobody had looked at the file
				b, err := bridge.New(t.Context(), cfg)
				if err != nil {
					assert.ErrorContains(t, err, "last_event_id")
					return
				}
				require.NoError(t, b.Ready(t.Context()))
				resp := do(t, clients(t)["HTTP1"], plain(t, serveHTTP(t, b)+"/watch/x?q=1"))
				assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
				assert.Zero(t, s.opened.Load())
			})
		}
	}
}
