package bridge_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two tabs share a stream, and one of them closes. The other tab does not notice. The upstream stream ends when it has had no
// tab for `linger`.
func TestTwoTabsShareOneStream(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, *server, string) *site{
		"HTTP1": startParkedSite, "HTTP1, unparked": startSite, "TLS h2": startTLSSite,
	} {
		t.Run(name, func(t *testing.T) {
			const linger = 500 * time.Millisecond
			p := newTopic()
			s := startServer(t, "127.0.0.1:0", p.watch)
			st := start(t, s, resumable("share: {late_join: latest, linger: "+linger.String()+"}"))
			first, second := openTab(t, st), openTab(t, st)
			first.watch(t, "/watch/x")
			first.until(t, "source.readyState === EventSource.OPEN")
			p.send(t, 1, 2)
			first.requireSequence(t, 2)
			second.watch(t, "/watch/x")
			second.until(t, "told.some((e) => e.type === 'message')")
			assert.Equal(t, []int64{2}, sequences(t, second.all(t)), "the newest event comes at once")

			p.send(t, 3)
			second.until(t, "told.filter((e) => e.type === 'message').length === 2")
			second.do(t, "source.close() || true")
			p.send(t, 4, 5)
			all := first.requireSequence(t, 5)
			assert.Equal(t, upTo(5), sequences(t, all))
			assert.Equal(t, []string{"open", "message", "message", "message", "message", "message"}, types(all), "undisturbed")
			assert.EqualValues(t, 1, s.opened.Load(), "one upstream stream")

			left := time.Now()
			first.do(t, "source.close() || true")
			s.requireStreams(t, 0)
			assert.Greater(t, time.Since(left), linger, "the upstream stream lingers")
			require.EqualValues(t, 1, s.opened.Load())
		})
	}
}
