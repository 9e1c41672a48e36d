package proxies_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// until waits for something that a page has met. The page must not give up meanwhile.
func until(t *testing.T, page *local.Page, wanted func(local.Seen) bool) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return page.Seen().Dead != "" || wanted(page.Seen()) }, local.Soon, 5*time.Millisecond) {
		require.FailNow(t, "the page never met what it should", "%+v", page.Seen())
	}
	require.Empty(t, page.Seen().Dead, "the page gave up")
}

// An event passes before the next one is published, so no proxy waits for more bytes. There is no heartbeat that could push it.
func TestEachEventPassesAtOnce(t *testing.T) {
	each(t, allProxies(), func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := p.bridges(t, market, "1h")
		base := p.front(t, documentedIdle, pair)
		page := local.Open(t, base+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Connects == 1 }) // the head passes without an event
		for n := 1; n <= 20; n++ {
			market.Publish()
			until(t, page, func(s local.Seen) bool { return len(s.IDs) == n })
		}
		assert.Equal(t, 1, page.Seen().Connects)
		if p.tls {
			assert.Equal(t, "HTTP/2.0", page.Seen().Protocol)
		}
	})
}

// A quiet stream outlives the proxy's time without a byte by far, because of its heartbeats.
func TestHeartbeatsKeepAQuietStreamOpen(t *testing.T) {
	const idle, heartbeats = "3s", 40 // every 200 ms: 8 s
	each(t, allProxies(), func(t *testing.T, p proxy) {
		pair := p.bridges(t, local.StartMarket(t), "200ms")
		base := p.front(t, idle, pair)
		page := local.Open(t, base+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Heartbeats >= heartbeats })
		assert.Equal(t, 1, page.Seen().Connects)
	})
}

// Without heartbeats the proxy ends a quiet stream: the test above shows what it claims. The page comes back even then.
func TestAQuietStreamWithoutHeartbeatsIsEnded(t *testing.T) {
	each(t, allProxies(), func(t *testing.T, p proxy) {
		pair := p.bridges(t, local.StartMarket(t), "1h")
		base := p.front(t, "1s", pair)
		page := local.Open(t, base+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Connects >= 3 })
	})
}

// A page that leaves ends its gRPC stream, while nothing is sent. The access log then has its address, whatever the page claims, and
// the version of HTTP that the bridge was spoken to in.
func TestTheLeavingOfAPageReachesTheUpstream(t *testing.T) {
	each(t, allProxies(), func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := p.bridges(t, market, "1h")
		base := p.front(t, documentedIdle, pair)
		for _, path := range []string{"/tape", "/mine"} {
			page := local.OpenFrom(t, "127.0.0.5", base+path, http.Header{"X-Forwarded-For": {"192.0.2.1"}})
			until(t, page, func(s local.Seen) bool { return s.Connects == 1 })
			require.Eventually(t, func() bool { return market.Streams() == 1 }, local.Soon, 5*time.Millisecond, path)
			page.Leave()
			require.Eventually(t, func() bool { return market.Streams() == 0 }, local.Soon, 5*time.Millisecond, path)
			line := "route=" + path + " client=127.0.0.5 method=GET protocol=" + p.inner
			require.Eventually(t, func() bool {
				return strings.Contains(pair[0].Output()+pair[1].Output(), line)
			}, local.Soon, 5*time.Millisecond, line)
		}
	})
}

// While no bridge is there, only an EventSource is answered 200.
func TestOtherClientsLearnThatNoBridgeIsThere(t *testing.T) {
	each(t, httpProxies(), func(t *testing.T, p proxy) {
		base := p.frontOf(t, documentedIdle, local.FreeAddress(t), local.FreeAddress(t))
		local.AwaitAnswer(t, base)
		page := local.Open(t, base+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Connects >= 2 })
		client := local.Client("127.0.0.1")
		defer client.CloseIdleConnections()
		response, err := client.Get(base + "/tape")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Contains(t, []int{http.StatusBadGateway, http.StatusServiceUnavailable}, response.StatusCode)
	})
}
