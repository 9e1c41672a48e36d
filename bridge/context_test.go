package bridge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// The context of a program often ends with a signal. Streams must end in good order after a signal.
func TestTheEndOfTheContextOfNewDoesNotEndStreams(t *testing.T) {
	for name, share := range map[string]string{"private": "", "shared": "share: {late_join: all}"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			cfg := parse(t, s, routeFile("open_wait: 1ms", share))
			ctx, cancel := context.WithCancel(t.Context())
			b, err := bridge.New(ctx, cfg)
			require.NoError(t, err)
			require.NoError(t, b.Ready(t.Context()))
			url := serveHTTP(t, b)
			before := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/x")))
			s.requireStreams(t, 1)
			cancel()
			after := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/y"))
			assert.Equal(t, http.StatusOK, after.StatusCode)
			s.requireStreams(t, 2)
			require.NoError(t, b.Shutdown(t.Context()))
			events := before.all(t)
			assert.Contains(t, events[len(events)-1].data, `"reason":"drain"`)
			require.NoError(t, b.Close())
			s.requireStreams(t, 0)
		})
	}
}
