package bridge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// emptyPost is a POST without a body, for a route that takes both methods.
func emptyPost(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	return r
}

func TestADrainTellsAGETToComeBackAndAPOSTNotTo(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	overEveryTransport(t, func(t *testing.T) *front {
		return startFront(t, s, routeFile("methods: [GET, POST]", "open_wait: 1ms"))
	}, func(t *testing.T, f *front, client *http.Client, url string) {
		// GET and POST take turns, so that neither gets the settings that were made for the other.
		streams := []*http.Response{
			do(t, client, eventSource(t.Context(), t, url+"/watch/x")), do(t, client, emptyPost(t, url+"/watch/x")),
			do(t, client, eventSource(t.Context(), t, url+"/watch/x")), do(t, client, emptyPost(t, url+"/watch/x")),
		}
		s.requireStreams(t, 4)
		require.NoError(t, f.bridge.Shutdown(t.Context()))
		for i, resp := range streams {
			text := bodyOf(t, resp)
			isGET := i%2 == 0
			assert.Equal(t, isGET, strings.Contains(text, `"retry":true,"reason":"drain"`), text)
			assert.Equal(t, isGET, strings.Contains(text, "retry: "), text)
			assert.Equal(t, !isGET, strings.Contains(text, "id: grpc-end"), text)
		}
		s.requireStreams(t, 0)

		late := do(t, client, emptyPost(t, url+"/watch/x"))
		assert.Equal(t, http.StatusServiceUnavailable, late.StatusCode)
		assert.Empty(t, late.Header.Get("Retry-After"))
		assert.Contains(t, bodyOf(t, late), `"retry":false,"reason":"drain"`)
	})
}

// spreadOf returns the time between the first and the last end of n streams, from the moment that end is called.
func spreadOf(t *testing.T, client *http.Client, url string, n int, end func()) time.Duration {
	t.Helper()
	ended := make(chan time.Time, n)
	for range n {
		resp := do(t, client, eventSource(t.Context(), t, url))
		go func() {
			_, _ = io.Copy(io.Discard, resp.Body)
			ended <- time.Now()
		}()
	}
	end()
	var first, last time.Time
	for i := range n {
		select {
		case at := <-ended:
			if i == 0 {
				first = at
			}
			last = at
		case <-time.After(patience):
			require.Fail(t, "a stream did not end")
		}
	}
	return last.Sub(first)
}

func TestADrainIsSpreadOnEveryTransport(t *testing.T) {
	t.Parallel() // the test waits
	const during = time.Second
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	overEveryTransport(t, func(t *testing.T) *front {
		t.Parallel()
		return startFront(t, s, routeFile("open_wait: 1ms"))
	}, func(t *testing.T, f *front, client *http.Client, url string) {
		spread := spreadOf(t, client, url+"/watch/x", 20, func() { f.drain(t, during) })
		assert.Greater(t, spread, during/4, "the streams end at different moments")
	})
}

func TestMaxAgeIsSpreadOnEveryTransport(t *testing.T) {
	t.Parallel() // the test waits
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	overEveryTransport(t, func(t *testing.T) *front {
		t.Parallel()
		return startFront(t, s, routeFile("open_wait: 1ms", "max_age: 3s"))
	}, func(t *testing.T, _ *front, client *http.Client, url string) {
		spread := spreadOf(t, client, url+"/watch/x", 20, func() {})
		assert.Greater(t, spread, 150*time.Millisecond, "up to 20 % at random: 600 ms")
	})
}
