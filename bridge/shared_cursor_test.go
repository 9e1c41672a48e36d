package bridge_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// A browser that has had no event yet has an id all the same: if its connection breaks, it misses nothing.
func TestABrowserWithoutAnEventLosesNothingWhileItIsAway(t *testing.T) {
	for name, tt := range map[string]struct {
		file   string
		before []int64 // events that the stream had before the browser came
		id     string  // a pattern
	}{
		"ids of the bridge's own, no event yet": {routeFile("share: {late_join: none, linger: 1m}"), nil, `^[a-z2-7]{8}-start$`},
		"ids of the bridge's own":               {routeFile("share: {late_join: none, linger: 1m}"), []int64{1, 2}, `^[a-z2-7]{8}-1$`},
		"latest of nothing":                     {routeFile("share: {late_join: latest, linger: 1m}"), nil, `^[a-z2-7]{8}-start$`},
		"ids of the route":                      {resumable("share: {late_join: none, linger: 1m, catch_up: off}"), []int64{1, 2}, `^2$`},
		"open_wait: 0s":                         {resumable("share: {late_join: none, linger: 1m, catch_up: off}", "open_wait: 0s"), []int64{1, 2}, `^2$`},
		"since, without any":                    {resumable("share: {late_join: {since: note}, linger: 1m, catch_up: off}"), []int64{1, 2}, `^2$`},
	} {
		for kind, client := range clients(t) {
			for _, encoding := range []string{"identity", "gzip, deflate, br, zstd", "gzip, deflate, br"} {
				t.Run(name+", "+kind+", "+encoding, func(t *testing.T) {
					p := newTopic()
					f := startFront(t, startServer(t, "127.0.0.1:0", p.watch), tt.file)
					first := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
					p.send(t, tt.before...)
					for range tt.before {
						requireEvent(t, first, "")
					}
					ctx, leave := context.WithCancel(t.Context())
					defer leave()
					resp := do(t, client, eventSource(ctx, t, f.url+"/watch/x", "Accept-Encoding", encoding))
					cursor := requireEvent(t, decoded(t, resp), "grpc-cursor")
					assert.Regexp(t, tt.id, cursor.id)
					assert.Equal(t, "{}", cursor.data)
					leave()
					p.send(t, 4, 5)
					back := decoded(t, do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", cursor.id, "Accept-Encoding", encoding)))
					assert.Contains(t, requireEvent(t, back, "").data, `"sequence":"4"`)
					assert.Contains(t, requireEvent(t, back, "").data, `"sequence":"5"`)
					p.send(t, 7)
					assert.Contains(t, requireEvent(t, back, "").data, `"sequence":"7"`)
				})
			}
		}
	}
}

// The same holds on a route that catches up. The id that the browser is told may be one that the log cannot trust, but then the
// upstream goes on behind it.
func TestABrowserWithoutAnEventCatchesUpAfterItWasAway(t *testing.T) {
	for kind, client := range clients(t) {
		for _, encoding := range []string{"identity", "gzip, deflate, br, zstd", "gzip, deflate, br"} {
			t.Run(kind+", "+encoding, func(t *testing.T) {
				h := newHistory(0)
				f := startFront(t, startServer(t, "127.0.0.1:0", h.watch), resumable("share: {late_join: none, linger: 1m}"))
				first := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
				h.requireFresh(t)
				h.publish(2)
				requireIDs(t, first, "1", "2")
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				cursor := requireEvent(t, decoded(t, do(t, client, eventSource(ctx, t, f.url+"/watch/x", "Accept-Encoding", encoding))), "grpc-cursor")
				assert.Equal(t, "2", cursor.id)
				leave()
				h.publish(2)
				requireIDs(t, first, "3", "4")
				back := decoded(t, do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", cursor.id, "Accept-Encoding", encoding)))
				requireIDs(t, back, "3", "4")
				h.publish(1)
				requireIDs(t, back, "5")
			})
		}
	}
}

// A server that sends no header before its first message accepts no stream before that, as far as its client can tell.
func TestABrowserOfASilentServerLosesNothingWhileItIsAway(t *testing.T) {
	for kind, client := range clients(t) {
		t.Run(kind, func(t *testing.T) {
			send := make(chan int64)
			s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				for {
					select {
					case n := <-send:
						if err := stream.Send(&streamv1.Event{Sequence: n}); err != nil {
							return err
						}
					case <-stream.Context().Done():
						return stream.Context().Err()
					}
				}
			})
			f := startFront(t, s, routeFile("share: {late_join: none, linger: 1m}", "open_wait: 10ms"))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			cursor := requireEvent(t, newReader(do(t, client, eventSource(ctx, t, f.url+"/watch/x"))), "grpc-cursor")
			assert.Regexp(t, `^[a-z2-7]{8}-start$`, cursor.id)
			leave()
			for _, n := range []int64{1, 2, 3} {
				select {
				case send <- n:
				case <-time.After(20 * time.Second):
					require.Fail(t, "the upstream stream did not outlive its browser")
				}
			}
			back := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", cursor.id)))
			for _, n := range []string{"1", "2", "3"} {
				assert.Contains(t, requireEvent(t, back, "").data, `"sequence":"`+n+`"`)
			}
		})
	}
}

// decoded reads the events of a response in whatever coding it has.
func decoded(t *testing.T, resp *http.Response) *reader {
	t.Helper()
	body, err := decodedBody(resp)
	require.NoError(t, err)
	t.Cleanup(func() { _ = body.Close() })
	return &reader{body: resp.Body, lines: bufio.NewReader(body)}
}

// decodedBody returns the body of a response without its coding.
func decodedBody(resp *http.Response) (io.ReadCloser, error) {
	switch resp.Header.Get("Content-Encoding") {
	case "gzip":
		return gzip.NewReader(resp.Body)
	case "zstd":
		plain, err := zstd.NewReader(resp.Body)
		if err != nil {
			return nil, err
		}
		return plain.IOReadCloser(), nil
	}
	return resp.Body, nil
}

// requireEvent returns the next event, which has this name. Before another event, it leaves out a grpc-cursor at the beginning.
func requireEvent(t *testing.T, r *reader, name string) event {
	t.Helper()
	next := r.afterCursor
	if name == "grpc-cursor" {
		next = r.next
	}
	e, err := next()
	require.NoError(t, err)
	require.Equal(t, name, e.name, "%+v", e)
	return e
}

func TestACursorHasNoPlaceAmongLines(t *testing.T) {
	p := newTopic()
	f := startFront(t, startServer(t, "127.0.0.1:0", p.watch), routeFile("share: {late_join: none}", "open_wait: 1ms"))
	events := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x")))
	r := plain(t, f.url+"/watch/x")
	r.Header.Set("Accept", "application/x-ndjson")
	lines := newReader(do(t, clients(t)["HTTP1"], r))
	requireEvent(t, events, "grpc-cursor")
	p.send(t, 1)
	line, err := lines.lines.ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, `"sequence":"1"`)
}

// An upstream that refuses a page's id, and then begins with a burst that has the same id: the page is told.
func TestAnIDThatTheUpstreamRefusesNeverResumesSilently(t *testing.T) {
	for catchUp, reason := range map[string]string{"4": "invalid", "off": "expired"} {
		for _, code := range []codes.Code{codes.OutOfRange, codes.InvalidArgument, codes.FailedPrecondition} {
			for range 5 {
				requireTold(t, code, catchUp, reason)
			}
		}
	}
}

// Another error of the upstream is no answer to the id. The page waits for what the shared stream has until its time is over.
func TestAnIDThatLeadsToAnErrorNeverResumesSilently(t *testing.T) {
	t.Parallel() // it waits
	requireTold(t, codes.NotFound, "4", "expired")
	requireTold(t, codes.NotFound, "off", "expired")
}

// requireTold has a page come with an id for which the upstream has only an error.
func requireTold(t *testing.T, code codes.Code, catchUp, reason string) {
	t.Helper()
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if r.GetAfterSequence() != 0 {
			return status.Error(code, "no such event")
		}
		if err := count(5, nil)(r, stream); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	})
	f := startFront(t, s, resumable("share: {late_join: all, linger: 100ms, catch_up: "+catchUp+"}"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "3")))
	assert.JSONEq(t, `{"reason":"`+reason+`","last_event_id":"3"}`, requireEvent(t, got, "grpc-reset").data)
	requireIDs(t, got, "1", "2", "3", "4", "5")
	want := 1
	if catchUp != "off" {
		want++
	}
	assert.EqualValues(t, want, s.opened.Load(), "streams opened at the server")
}

// The upstream counts anew after a restart, and refuses the newest id. No id of before is taken for one of now.
func TestIDsFromBeforeARefusalAreToldWhateverTheNewLogHas(t *testing.T) {
	for catchUp, reasons := range map[string]map[string]string{
		"4":   {"3": "invalid", "2": "invalid", "9": "invalid"},
		"off": {"3": "invalid", "2": "epoch", "9": "expired"},
	} {
		t.Run("catch_up: "+catchUp, func(t *testing.T) {
			p := newTopic()
			s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				if r.GetAfterSequence() != 0 {
					return status.Error(codes.OutOfRange, "no such event")
				}
				return p.watch(r, stream)
			})
			f := startFront(t, s, resumable("share: {late_join: none, linger: 100ms, catch_up: "+catchUp+"}",
				"reopen: {backoff: {base: 1ms, max: 10ms}}"))
			client := clients(t)["HTTP1"]
			r := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
			p.send(t, 1, 2, 3)
			requireIDs(t, r, "1", "2", "3")
			p.ends <- status.Error(codes.Unavailable, "restarting")
			p.send(t, 1, 2, 3, 4)
			assert.Contains(t, requireEvent(t, r, "grpc-reset").data, `"epoch"`)
			requireIDs(t, r, "1", "2", "3", "4")
			for id, reason := range reasons {
				back := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", id)))
				assert.JSONEq(t, `{"reason":"`+reason+`","last_event_id":"`+id+`"}`, requireEvent(t, back, "grpc-reset").data)
			}
		})
	}
}

// The time limit of a route is that of each upstream stream, and an end by it is one that may be reopened.
func TestADeadlineOnASharedRoute(t *testing.T) {
	deadline := make(chan bool, 10)
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		_, has := stream.Context().Deadline()
		deadline <- has
		return untilCancelled(r, stream)
	})
	f := startFront(t, s, routeFile("request: {timeout: 50ms}", "status: {DEADLINE_EXCEEDED: stop}", "share: {late_join: none}"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.NotEmpty(t, got)
	assert.Contains(t, got[0].data, `"status":"DEADLINE_EXCEEDED"`)
	assert.True(t, <-deadline, "the upstream knows it too")
}
