package bridge_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestAllEventsOfAStreamReachTheBrowser(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range int64(3) {
			e := &streamv1.Event{Sequence: i + 1, Kind: "tick", Text: r.GetTopic() + "\r\n<&>"}
			if err := stream.Send(e); err != nil {
				return err
			}
		}
		return nil
	})
	f := startFront(t, s, routeFile(`event: {id: sequence, name: kind}`))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, f.url+"/watch/a%2Fb"))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			assert.Equal(t, "no-store, no-transform", resp.Header.Get("Cache-Control"))
			assert.Equal(t, "no", resp.Header.Get("X-Accel-Buffering"))
			assert.Empty(t, resp.Header.Get("Connection"))
			r := newReader(resp)
			got := r.all(t)
			require.Len(t, got, 4)
			for i, e := range got[:3] {
				assert.Equal(t, "tick", e.name)
				assert.Equal(t, string(rune('1'+i)), e.id)
				assert.JSONEq(t, `{"sequence":"`+e.id+`","kind":"tick","text":"a/b\r\n<&>","payload":""}`, e.data)
			}
			assert.Equal(t, "grpc-status", got[3].name)
			assert.Equal(t, "grpc-end", got[3].id)
			assert.JSONEq(t, `{"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}`, got[3].data)
			assert.Regexp(t, `\A(:\n)?retry: (1[6-9]|2[0-4])\d\d\n`, r.text.String(), "2 s, plus or minus 20 %")
		})
	}
	s.requireStreams(t, 0)
}

func TestAClosedConnectionCancelsTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 20ms"))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			do(t, client, eventSource(ctx, t, f.url+"/watch/x"))
			s.requireStreams(t, 1)
			leave()
			s.requireStreams(t, 0)
		})
	}
}

func TestASilentUpstreamOpensTheStreamAfterOpenWait(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 20ms", "heartbeat: 30ms"))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			resp := do(t, client, eventSource(ctx, t, f.url+"/watch/x"))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			opening := make([]byte, len(":\nretry: 2000\n:\n:\n"))
			_, err := io.ReadFull(resp.Body, opening)
			require.NoError(t, err)
			assert.Regexp(t, `\A:\nretry: \d{4}\n:\n:\n\z`, string(opening), "the stream has a comment, the reconnection time, and heartbeats")
		})
	}
	s.requireStreams(t, 0)
}

func TestHeadersOfTheUpstreamOpenTheStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.SendHeader(nil); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	})
	f := startFront(t, s, routeFile("open_wait: 1h"))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	resp := do(t, clients(t)["HTTP1"], eventSource(ctx, t, f.url+"/watch/x"))
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestAnUpstreamThatDiesEndsTheStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	})
	f := startFront(t, s, routeFile())
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))
	r := newReader(resp)
	first, err := r.next()
	require.NoError(t, err)
	assert.Contains(t, first.data, `"sequence":"1"`)
	s.grpc.Stop()
	rest := r.all(t)
	require.Len(t, rest, 1)
	assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the upstream is unavailable",
		"retry":true,"reason":"upstream"}`, rest[0].data)
	assert.Empty(t, rest[0].id, "the end has no id, so that the browser keeps its cursor")
}

func TestAClientThatLeavesDuringOpenWaitCancelsTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 1h"))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan struct{})
			go func() {
				defer close(left)
				resp, err := client.Do(eventSource(ctx, t, f.url+"/watch/x"))
				if err == nil {
					_ = resp.Body.Close()
				}
			}()
			s.requireStreams(t, 1)
			leave()
			<-left
			s.requireStreams(t, 0)
		})
	}
}

func TestAThousandAbortsLeaveNothing(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		switch r.GetTopic() {
		case "floods":
			return count(1<<40, nil)(r, stream)
		case "talks":
			if err := count(50, nil)(r, stream); err != nil { // enough events, so that the client leaves between them
				return err
			}
		}
		return untilCancelled(r, stream)
	})
	f := startFront(t, s, routeFile()+`
  - {path: "/quiet/{topic}", rpc: test.stream.v1.StreamService/Watch, open_wait: 1ms}
`)
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			for i := range 500 {
				ctx, leave := context.WithCancel(t.Context())
				path := "/quiet/x"
				switch {
				case i%20 == 0: // an abort in the middle of writes
					path = "/watch/floods"
				case i%2 == 0:
					path = "/watch/talks"
				}
				resp, err := client.Do(eventSource(ctx, t, f.url+path))
				require.NoError(t, err)
				leave()
				_ = resp.Body.Close()
			}
			s.requireStreams(t, 0) // goroutines are counted at the end of all tests
		})
	}
	assert.Greater(t, s.opened.Load(), int64(500), "most calls reach the handler of the server")
}

func TestAClientThatStopsReadingIsCutOff(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", new(sendCounter).count(1<<40))
	f := startFront(t, s, routeFile("write_timeout: 100ms"))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			s.requireStreams(t, 0) // the client does not read: buffers fill, the write times out, and the upstream stream is cancelled
			r := newReader(resp)
			for {
				if e, err := r.next(); err != nil {
					break
				} else {
					assert.NotEqual(t, "grpc-status", e.name, "a connection that was cut off gets no end")
				}
			}
		})
	}
}

func TestTheUpstreamWaitsForASlowClient(t *testing.T) {
	const total = 5_000 // more events than all buffers on the way can hold
	var sent sendCounter
	s := startServer(t, "127.0.0.1:0", sent.count(total))
	f := startFront(t, s, routeFile("event: {id: sequence}", "write_timeout: 1m"))
	resp := do(t, clients(t)["h2c"], eventSource(t.Context(), t, f.url+"/watch/x"))
	sent.settle(t)
	assert.Less(t, sent.n.Load(), int64(total), "the upstream waits for the client")
	got := newReader(resp).all(t)
	require.Len(t, got, total+1, "no event is lost")
	for i, e := range got[:total] {
		require.Equal(t, int64(i+1), parseInt(t, e.id))
	}
}

func TestADeadlineEndsTheStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("request: {timeout: 50ms}", "status: {DEADLINE_EXCEEDED: stop}"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 1)
	assert.Contains(t, got[0].data, `"status":"DEADLINE_EXCEEDED"`)
	assert.Contains(t, got[0].data, `"retry":false`, "`status` of the route has precedence")
}

func TestMaxAgeEndsTheConnection(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("max_age: 50ms", "open_wait: 1ms"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 1)
	assert.Contains(t, got[0].data, `"retry":true,"reason":"max_age"`)
	s.requireStreams(t, 0)
}

func TestShutdownEndsStreamsInGoodOrder(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 1ms"))
	client := clients(t)["HTTP1"]
	var streams []*http.Response
	for range 5 {
		streams = append(streams, do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
	}
	s.requireStreams(t, 5)
	f.drain(t, 500*time.Millisecond)
	for _, resp := range streams {
		got := newReader(resp).all(t)
		require.Len(t, got, 1)
		assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the bridge is shutting down","retry":true,"reason":"drain"}`,
			got[0].data)
	}
	s.requireStreams(t, 0)

	late := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, late, 1)
	assert.Contains(t, late[0].data, `"reason":"drain"`)
	assert.EqualValues(t, 5, s.opened.Load(), "the bridge refuses a late client before it opens a stream")
}

func TestShutdownReturnsWhenItsContextEnds(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", oneAndWait)
	f := startFront(t, s, routeFile("write_timeout: 1h"))
	blocked, release := make(chan struct{}), make(chan struct{})
	url := serveThrough(t, f.bridge, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.bridge.ServeHTTP(&stuck{wrapped{w}, sync.OnceFunc(func() { close(blocked) }), release}, r)
	}))
	client, r := clients(t)["h2c"], eventSource(t.Context(), t, url+"/watch/x")
	var asking sync.WaitGroup
	t.Cleanup(func() { close(release); asking.Wait() })
	asking.Go(func() {
		if resp, err := client.Do(r); err == nil { // the header may wait for a write
			_ = resp.Body.Close()
		}
	})
	receive(t, blocked)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, f.bridge.Shutdown(ctx), context.DeadlineExceeded)
}

// stuck is a response to a client that takes nothing: its writes wait.
type stuck struct {
	wrapped
	waits   func() // called by a write that waits
	release <-chan struct{}
}

func (w *stuck) Write(p []byte) (int, error) {
	w.waits()
	<-w.release
	return w.wrapped.Write(p)
}

func TestErrorsAfterEvents(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(10, status.Error(codes.NotFound, "the topic is gone")))
	f := startFront(t, s, routeFile())
	got := newReader(do(t, clients(t)["h2c"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 11)
	assert.JSONEq(t, `{"code":5,"status":"NOT_FOUND","message":"the topic is gone","retry":false,"reason":"upstream"}`, got[10].data)
	assert.Equal(t, "grpc-end", got[10].id)
}
