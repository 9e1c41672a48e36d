package bridge_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A browser over TLS and HTTP/1.1 has its connection parked. It gets the events with their ids, comes back with the newest id where the
// stream ends, and its upstream stream is cancelled when the tab closes.
func TestBrowserOverParkedTLS(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", sendAfter(1000, 10*time.Millisecond))
	st, f := startParkedTLSSite(t, s, resumableSoon())
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.requireSequence(t, 3)
	require.Equal(t, 1, f.bridge.Shed(1, time.Millisecond))
	page.until(t, "told.filter((e) => e.type === 'open').length >= 2")
	all := page.requireSequence(t, len(sequences(t, page.all(t)))+3)
	got := sequences(t, all)
	assert.Equal(t, upTo(len(got)), got, "no event is lost or repeated")
	for _, e := range all {
		if e.Type == "message" {
			assert.Equal(t, e.sequence(t), parseInt(t, e.ID))
		}
	}
	visits := st.requireVisits(t, 2)
	require.Len(t, visits, 2, "each has its stream")
	assert.Equal(t, first(t, all, "grpc-status", 0).ID, visits[1].lastEventID)
	for _, v := range visits {
		assert.Equal(t, "HTTP/1.1", v.protocol)
		assert.Equal(t, runtime.GOOS == "linux", v.parked)
	}
	s.requireStreams(t, 1)
	require.NoError(t, chromedp.Cancel(page.ctx)) // it closes the tab
	s.requireStreams(t, 0)
	f.requireOpen(t, 0)
}
