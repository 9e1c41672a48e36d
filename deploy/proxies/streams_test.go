package proxies_test

import (
	"net/http"
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
	eachProxy(t, func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := bridges(t, market, "1h")
		address := p.front(t, documentedIdle, pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		page := local.Open(t, "http://"+address+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Connects == 1 }) // the head passes without an event
		for n := 1; n <= 20; n++ {
			market.Publish()
			until(t, page, func(s local.Seen) bool { return len(s.IDs) == n })
		}
		assert.Equal(t, 1, page.Seen().Connects)
	})
}

// A quiet stream outlives the proxy's time without a byte by far, because of its heartbeats.
func TestHeartbeatsKeepAQuietStreamOpen(t *testing.T) {
	const idle, heartbeats = "2s", 40 // every 200 ms: 8 s
	eachProxy(t, func(t *testing.T, p proxy) {
		pair := bridges(t, local.StartMarket(t), "200ms")
		address := p.front(t, idle, pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		page := local.Open(t, "http://"+address+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Heartbeats >= heartbeats })
		assert.Equal(t, 1, page.Seen().Connects)
	})
}

// Without heartbeats the proxy ends a quiet stream: the test above shows what it claims. The page comes back even then.
func TestAQuietStreamWithoutHeartbeatsIsEnded(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		pair := bridges(t, local.StartMarket(t), "1h")
		address := p.front(t, "1s", pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		page := local.Open(t, "http://"+address+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Connects >= 3 })
	})
}

// A page that leaves ends its gRPC stream, while nothing is sent.
func TestTheLeavingOfAPageReachesTheUpstream(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := bridges(t, market, "1h")
		address := p.front(t, documentedIdle, pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		for _, path := range []string{"/tape", "/mine"} {
			page := local.Open(t, "http://"+address+path, nil)
			until(t, page, func(s local.Seen) bool { return s.Connects == 1 })
			require.Eventually(t, func() bool { return market.Streams() == 1 }, local.Soon, 5*time.Millisecond, path)
			page.Leave()
			require.Eventually(t, func() bool { return market.Streams() == 0 }, local.Soon, 5*time.Millisecond, path)
		}
	})
}

// While no bridge is there, only an EventSource is answered 200.
func TestOtherClientsLearnThatNoBridgeIsThere(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		address := p.front(t, documentedIdle, local.FreeAddress(t), local.FreeAddress(t))
		page := local.Open(t, "http://"+awaitProxy(t, address)+"/tape", nil)
		until(t, page, func(s local.Seen) bool { return s.Connects >= 2 })
		response, err := http.Get("http://" + address + "/tape")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Contains(t, []int{http.StatusBadGateway, http.StatusServiceUnavailable}, response.StatusCode)
	})
}

// awaitProxy waits until a proxy answers, whatever it answers.
func awaitProxy(t *testing.T, address string) string {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Head("http://" + address + "/")
		return err == nil && response.Body.Close() == nil
	}, local.Soon, 20*time.Millisecond, "no proxy at %s", address)
	return address
}
