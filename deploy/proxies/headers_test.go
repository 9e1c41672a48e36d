package proxies_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// A client cannot pretend to have another address, host or scheme: what the proxy saw stands at the right end of each header,
// where the bridge reads.
func TestWhatTheProxySawStandsLast(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := bridges(t, market, "15s")
		address := p.front(t, documentedIdle, pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		page := local.Open(t, "http://"+address+"/mine", http.Header{
			"Host":              {"app.example.com"},
			"X-Forwarded-For":   {"192.0.2.7"},
			"X-Forwarded-Host":  {"evil.example"},
			"X-Forwarded-Proto": {"https"},
		})
		until(t, page, func(s local.Seen) bool { return s.Connects == 1 })
		header := market.LastHeader(t)
		for name, want := range map[string]string{
			"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "app.example.com", "x-forwarded-proto": "http",
		} {
			entries := strings.Split(strings.Join(header.Get(name), ","), ",")
			assert.Equal(t, want, strings.TrimSpace(entries[len(entries)-1]), "%s: %v", name, header.Get(name))
		}
	})
}

// The Host of the browser reaches the bridge: a page of the same origin is let in, and a page of another origin is not.
func TestTheHostIsKept(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		pair := bridges(t, local.StartMarket(t), "15s")
		address := p.front(t, documentedIdle, pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		same := local.Open(t, "http://"+address+"/tape", http.Header{
			"Host": {"app.example.com"}, "Origin": {"http://app.example.com"},
		})
		until(t, same, func(s local.Seen) bool { return s.Connects == 1 })
		other := local.Open(t, "http://"+address+"/tape", http.Header{
			"Host": {"app.example.com"}, "Origin": {"http://evil.example"}, "X-Forwarded-Host": {"evil.example"},
		})
		refused(t, other)
		// The page of another scheme is of another origin, too.
		secure := local.Open(t, "http://"+address+"/tape", http.Header{
			"Host": {"app.example.com"}, "Origin": {"https://app.example.com"}, "X-Forwarded-Proto": {"https"},
		})
		refused(t, secure)
	})
}

// refused waits until a page has given up because its origin is not allowed.
func refused(t *testing.T, page *local.Page) {
	t.Helper()
	require.Eventually(t, func() bool { return page.Seen().Dead != "" }, local.Soon, 5*time.Millisecond, "the page lives")
	assert.Contains(t, page.Seen().Dead, "403")
}

// The bridge counts clients by the addresses that the proxy saw, whatever the clients say. One bridge serves all: the other is down.
func TestLimitsCountTheClientsOfTheProxy(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := bridges(t, market, "15s")
		pair[1].End(syscall.SIGKILL)
		address := p.front(t, documentedIdle, pair[0].Address, pair[1].Address)
		local.AwaitServer(t, address)
		open := func(from, claimed string) *local.Page {
			return local.OpenFrom(t, from, "http://"+address+"/one", http.Header{"X-Forwarded-For": {claimed}})
		}
		first := open("127.0.0.2", "192.0.2.1")
		until(t, first, func(s local.Seen) bool { return s.Connects == 1 })
		second := open("127.0.0.2", "192.0.2.2")
		until(t, second, func(s local.Seen) bool {
			return len(s.Ends) > 0 && strings.Contains(s.Ends[0], "RESOURCE_EXHAUSTED")
		})
		other := open("127.0.0.3", "192.0.2.1")
		until(t, other, func(s local.Seen) bool { return s.Connects == 1 })
		market.Publish()
		for _, page := range []*local.Page{first, other} {
			until(t, page, func(s local.Seen) bool { return len(s.IDs) == 1 })
			assert.Empty(t, page.Seen().Ends)
		}
	})
}
