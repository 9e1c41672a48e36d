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
	each(t, httpProxies(), func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := p.bridges(t, market, "15s")
		base := p.front(t, documentedIdle, pair)
		scheme, other := p.scheme()
		page := local.Open(t, base+"/mine", http.Header{
			"Host":              {"app.example.com"},
			"X-Forwarded-For":   {"192.0.2.7"},
			"X-Forwarded-Host":  {"evil.example"},
			"X-Forwarded-Proto": {other},
		})
		until(t, page, func(s local.Seen) bool { return s.Connects == 1 })
		header := market.LastHeader(t)
		for name, want := range map[string]string{
			"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "app.example.com", "x-forwarded-proto": scheme,
		} {
			entries := strings.Split(strings.Join(header.Get(name), ","), ",")
			assert.Equal(t, want, strings.TrimSpace(entries[len(entries)-1]), "%s: %v", name, header.Get(name))
		}
	})
}

// The Host of the browser reaches the bridge: a page of the same origin is let in, and a page of another origin is not.
func TestTheHostIsKept(t *testing.T) {
	each(t, httpProxies(), func(t *testing.T, p proxy) {
		pair := p.bridges(t, local.StartMarket(t), "15s")
		base := p.front(t, documentedIdle, pair)
		scheme, other := p.scheme()
		same := local.Open(t, base+"/tape", http.Header{
			"Host": {"app.example.com"}, "Origin": {scheme + "://app.example.com"},
		})
		until(t, same, func(s local.Seen) bool { return s.Connects == 1 })
		foreign := local.Open(t, base+"/tape", http.Header{
			"Host": {"app.example.com"}, "Origin": {scheme + "://evil.example"}, "X-Forwarded-Host": {"evil.example"},
		})
		refused(t, foreign)
		// The page of another scheme is of another origin, too.
		disguised := local.Open(t, base+"/tape", http.Header{
			"Host": {"app.example.com"}, "Origin": {other + "://app.example.com"}, "X-Forwarded-Proto": {other},
		})
		refused(t, disguised)
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
	each(t, allProxies(), func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := p.bridges(t, market, "15s")
		pair[1].End(syscall.SIGKILL)
		base := p.front(t, documentedIdle, pair)
		open := func(from, claimed string) *local.Page {
			return local.OpenFrom(t, from, base+"/one", http.Header{"X-Forwarded-For": {claimed}})
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
