package pump

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// A client of HTTP/2 that leaves resets its stream. It is gone, and was not slow.
func TestAClientThatResetsItsStreamIsGone(t *testing.T) {
	reasons := make(chan ending.Reason, 1)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := NewHTTPConn(w, time.Hour)
		assert.NoError(t, conn.Write([]byte("a")))
		<-r.Context().Done()
		reasons <- reasonOf(conn.Write([]byte("b")))
	}))
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	web.Start()
	defer web.Close()
	transport := &http.Transport{Protocols: web.Config.Protocols}
	defer transport.CloseIdleConnections()

	for _, leave := range []string{"the stream", "the connection"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL, nil)
		require.NoError(t, err)
		resp, err := transport.RoundTrip(r)
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 1)) // the first write is over
		require.NoError(t, err)
		if leave == "the connection" {
			web.CloseClientConnections()
		}
		cancel()
		assert.NoError(t, resp.Body.Close())
		select {
		case reason := <-reasons:
			assert.Equal(t, ending.ByGone, reason, "it closes %s", leave)
		case <-time.After(10 * time.Second):
			t.Fatal("the handler did not return")
		}
	}
}
