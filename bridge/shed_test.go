package bridge_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestASheddingEndsAShareOfTheStreams(t *testing.T) {
	const all, shed = 12, 3
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	overEveryTransport(t, func(t *testing.T) *front {
		return startFront(t, s, routeFile("open_wait: 1ms", "methods: [GET, POST]"))
	}, func(t *testing.T, f *front, client *http.Client, url string) {
		ended := make(chan string, all)
		var over atomic.Int64
		for i := range all {
			r := eventSource(t.Context(), t, url+"/watch/x")
			if i%2 == 0 {
				r = emptyPost(t, url+"/watch/x")
			}
			resp := do(t, client, r)
			go func() {
				text := bodyOf(t, resp)
				over.Add(1)
				ended <- text
			}()
		}
		s.requireStreams(t, all)
		require.Equal(t, shed, f.bridge.Shed(0.25, 100*time.Millisecond))
		for range shed {
			text := receive(t, ended)
			assert.Contains(t, text, `"reason":"shed"`)
			again := strings.Contains(text, `"retry":true`)
			assert.Equal(t, again, strings.Contains(text, "retry: "), text)
			assert.Equal(t, !again, strings.Contains(text, "id: grpc-end"), text)
		}
		s.requireStreams(t, all-shed)
		f.requireOpen(t, all-shed)
		assert.EqualValues(t, shed, over.Load())
		require.Equal(t, all-shed, f.bridge.Shed(1, 0))
		for range all - shed {
			receive(t, ended)
		}
		s.requireStreams(t, 0)
		f.requireOpen(t, 0) // the upstream knows a moment earlier
		require.Zero(t, f.bridge.Shed(1, 0))
		resp := do(t, client, eventSource(t.Context(), t, url+"/watch/x"))
		assert.Equal(t, http.StatusOK, resp.StatusCode, "new streams are served")
		_ = resp.Body.Close()
	})
}

// streamsOf returns how many streams of clients are open.
func streamsOf(f *front) (open int) {
	for range f.bridge.Streams(0) {
		open++
	}
	return open
}

// requireOpen waits until the bridge has so many streams of clients.
func (f *front) requireOpen(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		return streamsOf(f) == want
	}, patience, time.Millisecond, "streams of clients: expected %d", want)
}
