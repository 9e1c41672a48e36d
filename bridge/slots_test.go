package bridge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc"
)

func TestConnectionsAreAddedWhileStreamsWait(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled, grpc.MaxConcurrentStreams(5))
	f := startFront(t, s, `
upstreams:
  test: {target: "ADDR", max_connections: 2}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch, open_wait: 1ms}
`)
	client := clients(t)["HTTP1"]
	for range 10 {
		do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
	}
	s.requireStreams(t, 10)

	// One more opens silently, waits, and leaves nothing.
	ctx, leave := context.WithCancel(t.Context())
	waiting := do(t, client, eventSource(ctx, t, f.url+"/watch/x"))
	assert.Equal(t, http.StatusOK, waiting.StatusCode)
	leave()
	s.requireStreams(t, 10)
	assert.EqualValues(t, 10, s.opened.Load())
}
