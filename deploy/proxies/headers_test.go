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
		require.Eventually(t, func() bool { return other.Seen().Dead != "" }, local.Soon, 5*time.Millisecond, "the page of another origin lives")
		assert.Contains(t, other.Seen().Dead, "403")
	})
}
