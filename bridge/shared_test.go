package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// sharedRoute is a route that shares its streams, resumes and has ids.
func sharedRoute(lateJoin string, extra ...string) string {
	return resumable(append(extra, "share: {late_join: "+lateJoin+", linger: 100ms}")...)
}

// topic is an upstream whose streams send what the test tells it to.
type topic struct {
	events chan *streamv1.Event
	ends   chan error
}

func newTopic() *topic { return &topic{events: make(chan *streamv1.Event), ends: make(chan error)} }

func (p *topic) watch(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	if err := stream.SendHeader(metadata.Pairs("x-served-by", "one")); err != nil {
		return err
	}
	for {
		select {
		case e := <-p.events:
			if err := stream.Send(e); err != nil {
				return err
			}
		case err := <-p.ends:
			return err
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// send sends events with these numbers, one after the other.
func (p *topic) send(t *testing.T, numbers ...int64) {
	t.Helper()
	for _, n := range numbers {
		e := &streamv1.Event{Sequence: n, Kind: fmt.Sprint("kind", n%2)}
		if n%3 == 0 {
			e.Body = &streamv1.Event_Note{Note: "a snapshot"}
		}
		select {
		case p.events <- e:
		case <-time.After(patience):
			require.Fail(t, "nobody takes the event", n)
		}
	}
}

// requireIDs reads as many events as there are ids, and expects these. It leaves out a grpc-cursor at the beginning that has
// another id.
func requireIDs(t *testing.T, r *reader, ids ...string) {
	t.Helper()
	for _, id := range ids {
		begins := !r.begun
		e, err := r.next()
		if err == nil && begins && e.name == "grpc-cursor" && e.id != id {
			e, err = r.next()
		}
		require.NoError(t, err)
		require.Equal(t, id, e.id, "%+v", e)
	}
}

func TestOneUpstreamServesEveryBrowser(t *testing.T) {
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			p := newTopic()
			s := startServer(t, "127.0.0.1:0", p.watch)
			f := startFront(t, s, sharedRoute("none", "metadata: {expose: [x-served-by]}"))
			var readers []*reader
			var leave []context.CancelFunc
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				resp := do(t, client, eventSource(ctx, t, f.url+"/watch/x?unknown="+fmt.Sprint(len(readers))))
				assert.Equal(t, "one", resp.Header.Get("X-Served-By"), "what the shared stream was answered with")
				readers, leave = append(readers, newReader(resp)), append(leave, cancel)
			}
			p.send(t, 1, 2, 3)
			for _, r := range readers {
				requireIDs(t, r, "1", "2", "3")
			}
			for _, cancel := range leave[1:] {
				cancel()
			}
			p.send(t, 4)
			requireIDs(t, readers[0], "4")
			assert.EqualValues(t, 1, s.opened.Load(), "streams opened at the server")
			leave[0]()
			s.requireStreams(t, 0)
		})
	}
}

func TestAReloadWithinTheLingerKeepsTheStream(t *testing.T) {
	for _, catchUp := range []string{"4", "off"} {
		t.Run("catch_up: "+catchUp, func(t *testing.T) {
			h := newHistory(0)
			s := startServer(t, "127.0.0.1:0", h.watch)
			f := startFront(t, s, resumable("share: {late_join: none, linger: 1m, catch_up: "+catchUp+"}"))
			client := clients(t)["HTTP1"]
			ctx, cancel := context.WithCancel(t.Context())
			r := newReader(do(t, client, eventSource(ctx, t, f.url+"/watch/x")))
			h.publish(1)
			requireIDs(t, r, "1")
			cancel()
			h.publish(1) // while no browser is there
			r = newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "1")))
			requireIDs(t, r, "2")
			h.publish(1)
			requireIDs(t, r, "3")
			assert.EqualValues(t, 1, h.fresh.Load(), "the shared stream is opened once")
			if catchUp == "off" {
				assert.Zero(t, h.resumed.Load())
			}
		})
	}
}

func TestOnlyEqualRequestsShare(t *testing.T) {
	for name, tt := range map[string]struct {
		path   string
		header []string
		shares bool
	}{
		"the same":                     {"/watch/x?count=1", []string{"Authorization", "Bearer a"}, true},
		"the same, resuming":           {"/watch/x?count=1", []string{"Authorization", "Bearer a", "Last-Event-ID", "1"}, true},
		"the same, in other words":     {"/watch/x?count=01&&", []string{"Authorization", "Bearer a"}, true},
		"with a trace of its own":      {"/watch/x?count=1", []string{"Authorization", "Bearer a", "Traceparent", "00-1-1-01"}, true},
		"with a header that stays":     {"/watch/x?count=1", []string{"Authorization", "Bearer a", "Cookie", "a=b"}, true},
		"another topic":                {"/watch/y?count=1", []string{"Authorization", "Bearer a"}, false},
		"another field":                {"/watch/x?count=2", []string{"Authorization", "Bearer a"}, false},
		"another caller":               {"/watch/x?count=1", []string{"Authorization", "Bearer b"}, false},
		"nobody's credentials":         {"/watch/x?count=1", nil, false},
		"metadata that the route sets": {"/watch/x?count=1", []string{"Authorization", "Bearer a", "X-Who", "b"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan metadata.MD, 2)
			s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				got <- incoming(stream.Context())
				if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
					return err
				}
				return untilCancelled(r, stream)
			})
			f := startFront(t, s, resumable(
				"metadata: {forward: [authorization], set: {x-user: \"${header.x-who:-nobody}\"}}",
				"share: {late_join: all, linger: 100ms, catch_up: off}"))
			client := clients(t)["HTTP1"]
			first := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x?count=1", "Authorization", "Bearer a", "Traceparent", "00-2-2-01")))
			requireIDs(t, first, "1")
			second := do(t, client, eventSource(t.Context(), t, f.url+tt.path, tt.header...))
			require.Equal(t, http.StatusOK, second.StatusCode)
			want := 1
			if !tt.shares {
				requireIDs(t, newReader(second), "1")
				want = 2
			}
			assert.EqualValues(t, want, s.opened.Load(), "streams opened at the server")
			for range want {
				assert.Empty(t, receive(t, got).Get("traceparent"), "a shared stream is part of no trace")
			}
		})
	}
}

func TestLateJoiners(t *testing.T) {
	for lateJoin, want := range map[string][]string{
		"latest":            {"5"},
		"all":               {"1", "2", "3", "4", "5"},
		"none":              {"5"}, // of grpc-cursor
		"{latest_by: kind}": {"4", "5"},
		"{since: note}":     {"3", "4", "5"},
	} {
		t.Run(lateJoin, func(t *testing.T) {
			p := newTopic()
			f := startFront(t, startServer(t, "127.0.0.1:0", p.watch), sharedRoute(lateJoin))
			client := clients(t)["HTTP1"]
			first := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
			p.send(t, 1, 2, 3, 4, 5)
			requireIDs(t, first, "1", "2", "3", "4", "5")
			second := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
			requireIDs(t, second, want...) // before the next event takes the place of one of them
			p.send(t, 6)
			requireIDs(t, second, "6")
			requireIDs(t, first, "6")
		})
	}
}

func TestAnErrorOfTheOnlyOpeningIsToldToAll(t *testing.T) {
	release := make(chan struct{})
	s := startServer(t, "127.0.0.1:0", func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		<-release
		return status.Error(codes.NotFound, "no such topic")
	})
	f := startFront(t, s, sharedRoute("none"))
	client := clients(t)["HTTP1"]
	responses := make(chan *http.Response, 10)
	for range cap(responses) {
		r := eventSource(t.Context(), t, f.url+"/watch/x")
		go func() {
			resp, err := client.Do(r)
			assert.NoError(t, err)
			responses <- resp
		}()
	}
	waiting := func() bool { return len(slices.Collect(f.bridge.Streams(0))) == cap(responses) } // all of them, for the same word
	require.Eventually(t, waiting, patience, time.Millisecond)
	close(release)
	for range cap(responses) {
		resp := receive(t, responses)
		require.NotNil(t, resp)
		defer func() { _ = resp.Body.Close() }()
		got, err := newReader(resp).afterCursor()
		require.NoError(t, err)
		assert.Equal(t, "grpc-status", got.name)
		assert.Contains(t, got.data, "no such topic")
		assert.Equal(t, "grpc-end", got.id)
	}
	assert.EqualValues(t, 1, s.opened.Load())

	_, resp, answer := ask(t, client, f.url+"/watch/x")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "who is no EventSource gets the status")
	assert.Equal(t, "no such topic", answer.Message)
	assert.EqualValues(t, 3, s.opened.Load(), "a stream that is over is not found any more")
}

func TestARefusalOnReopeningBringsEverybodyBack(t *testing.T) {
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	f := startFront(t, s, sharedRoute("none", "reopen: {backoff: {base: 1ms, max: 10ms}}"))
	client := clients(t)["HTTP1"]
	r := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
	p.send(t, 1)
	requireIDs(t, r, "1")
	expired := watch(func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		return status.Error(codes.Unauthenticated, "token expired")
	})
	s.watch.Store(&expired)
	p.ends <- status.Error(codes.Unavailable, "restarting")
	e, err := r.next()
	require.NoError(t, err)
	assert.Equal(t, "grpc-status", e.name)
	assert.Contains(t, e.data, `"status":"UNAUTHENTICATED"`)
	assert.Contains(t, e.data, `"retry":true`, "each comes back with credentials of its own")
	assert.Empty(t, e.id)
}

func TestASharedStreamThatCannotResumeTellsOfItsNewBeginning(t *testing.T) {
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	f := startFront(t, s, routeFile("share: {late_join: none}", "reopen: {backoff: {base: 1ms, max: 10ms}}"))
	r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x")))
	p.send(t, 1)
	e, err := r.afterCursor()
	require.NoError(t, err)
	epoch, offset, _ := strings.Cut(e.id, "-")
	assert.Equal(t, "0", offset, "an id of the bridge's own: %s", e.id)

	p.ends <- status.Error(codes.Unavailable, "restarting")
	reset, err := r.next()
	require.NoError(t, err)
	assert.Equal(t, "grpc-reset", reset.name)
	assert.JSONEq(t, `{"reason":"epoch","last_event_id":"`+e.id+`"}`, reset.data)
	p.send(t, 2)
	e, err = r.next()
	require.NoError(t, err)
	assert.NotEqual(t, epoch, strings.TrimSuffix(e.id, "-0"), "another epoch")

	late := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", epoch+"-0")))
	reset, err = late.afterCursor()
	require.NoError(t, err)
	assert.JSONEq(t, `{"reason":"epoch","last_event_id":"`+epoch+`-0"}`, reset.data)
}

func TestASharedStreamAsLines(t *testing.T) {
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	f := startFront(t, s, sharedRoute("none"))
	client := clients(t)["HTTP1"]
	events := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
	r := plain(t, f.url+"/watch/x")
	r.Header.Set("Accept", "application/x-ndjson")
	resp := do(t, client, r)
	require.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
	p.send(t, 1)
	requireIDs(t, events, "1")
	p.ends <- nil
	rest := newReader(resp)
	line, err := rest.lines.ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, `{"sequence":"1",`)
	line, err = rest.lines.ReadString('\n')
	assert.Empty(t, line, "an end has no place among lines")
	require.Error(t, err)
	assert.Equal(t, "0", resp.Trailer.Get("Grpc-Status"))
	assert.EqualValues(t, 1, s.opened.Load(), "one upstream for both formats")
}

func TestTooManySharedStreamsAreTurnedAway(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, "server: {limits: {shared_streams: 1}}\n"+sharedRoute("none", "open_wait: 1ms"))
	client := clients(t)["HTTP1"]
	do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
	_, _, answer := ask(t, client, f.url+"/watch/y")
	assert.Equal(t, "RESOURCE_EXHAUSTED", answer.Status)
	assert.Equal(t, "limit", answer.Reason)
}
