package bridge_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// requireWaiting waits until so many streams wait for a place on the connections of the only upstream.
func (f *front) requireWaiting(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		u := f.bridge.Upstreams()
		return len(u) == 1 && u[0].Waiting == want
	}, patience, time.Millisecond, "streams that wait for a place: expected %d", want)
}

// Where as many streams wait as may, one more is turned away at once. A stream that leaves makes room for it.
func TestOnlySoManyStreamsWaitForAPlace(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", oneAndWait, grpc.MaxConcurrentStreams(1))
	overEveryTransport(t, func(t *testing.T) *front {
		return startFront(t, s, `
upstreams:
  test: {target: "ADDR", max_connections: 1, limits: {waiting: 2}}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch, open_wait: 1ms}
  - {path: "/answered/{topic}", rpc: test.stream.v1.StreamService/Watch, open_wait: 10s}
`)
	}, func(t *testing.T, f *front, client *http.Client, url string) {
		var leave []context.CancelFunc
		open := func() {
			ctx, cancel := context.WithCancel(t.Context())
			leave = append(leave, cancel)
			resp := do(t, client, eventSource(ctx, t, url+"/watch/x"))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Empty(t, resp.Header.Get("Grpc-Status"))
		}
		open()
		s.requireStreams(t, 1)
		for waiting := range 2 {
			open()
			f.requireWaiting(t, waiting+1)
		}

		_, resp, told := ask(t, client, url+"/answered/y")
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode, "for a client that is no EventSource")
		assert.Equal(t, "RESOURCE_EXHAUSTED", told.Status)
		assert.Equal(t, "limit", told.Reason)
		assert.True(t, told.Retry)
		assert.NotEmpty(t, resp.Header.Get("Retry-After"))
		assert.Equal(t, resp.ProtoMajor == 1, resp.Close, "HTTP/1.1 closes the connection behind the answer")
		f.requireWaiting(t, 2)

		leave[1]()
		f.requireWaiting(t, 1)
		open()
		f.requireWaiting(t, 2)
		for _, l := range leave {
			l()
		}
		f.requireWaiting(t, 0)
		s.requireStreams(t, 0)
	})
}
