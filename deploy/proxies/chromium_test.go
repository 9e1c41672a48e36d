package proxies_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
	"github.com/grpcsse/grpcsse/internal/chromium"
)

// pagePath is where servesPage has its page.
const pagePath = "/page"

// servesPage makes nginx answer a page, which is of the same origin as the streams.
var servesPage = edit{"    location / {\n", `    location = ` + pagePath + ` {
        default_type text/html;
        return 200 "<!doctype html><title>EventSource</title><link rel=icon href=data:,>";
    }

    location / {
`}

// listen makes a page listen to the tape. The page writes down the id of each event, and its state at each error.
const listen = `(() => {
	window.seen = {ids: [], opens: 0, states: [], resets: 0};
	const source = new EventSource("/tape");
	source.onopen = () => { seen.opens++; };
	source.onmessage = (e) => { seen.ids.push(Number(e.lastEventId)); };
	source.onerror = () => { seen.states.push(source.readyState); };
	source.addEventListener("grpc-reset", () => { seen.resets++; });
	return true;
})()`

// tab is a page in Chromium.
type tab struct{ ctx context.Context }

// tabSeen is what the page in a tab has met so far.
type tabSeen struct {
	IDs    []int64 // of the events, in their order
	Opens  int
	States []int // the readyState at each error: 0 while the page comes back by itself, 2 when the browser gave up
	Resets int
}

// While both bridges are replaced, one after the other, a page in Chromium gets each event once, and the browser never gives up.
func TestAnUpdateClosesNoPageInChromium(t *testing.T) {
	t.Parallel()
	browser := &chromium.Browser{Options: []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", "MAP "+local.Name+" 127.0.0.1"),
	}}
	t.Cleanup(browser.Quit)
	for name, protocol := range map[string]string{"nginx": "http/1.1", "nginx with TLS": "h2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxies := httpProxies()
			i := slices.IndexFunc(proxies, func(p proxy) bool { return p.name == name })
			require.GreaterOrEqual(t, i, 0, "no proxy has this name")
			followUpdate(t, browser, proxies[i], protocol)
		})
	}
}

// followUpdate opens a page behind a proxy, and replaces both bridges, each while it serves the page. protocol is that of the browser.
func followUpdate(t *testing.T, browser *chromium.Browser, p proxy, protocol string) {
	t.Helper()
	market := local.StartMarket(t)
	pair := p.bridges(t, market, "15s")
	p.edits = append([]edit{servesPage}, p.edits...)
	base := p.front(t, documentedIdle, pair)
	pair[1].End(syscall.SIGTERM) // so the first bridge serves the page
	trade(t, market)
	page := openTab(t, browser, base+pagePath)
	assert.Equal(t, protocol, value[string](t, page, `performance.getEntriesByType("navigation")[0].nextHopProtocol`))
	require.True(t, value[bool](t, page, listen))
	page.steady(t, market)
	pair[1].Start(t)

	for i, b := range pair {
		b.End(syscall.SIGTERM)
		assert.Zero(t, b.ExitCode())
		page.until(t, fmt.Sprintf("seen.opens >= %d", i+2)) // the other bridge serves the page now
		page.steady(t, market)
		b.Start(t)
	}
	page.steady(t, market)

	seen := value[tabSeen](t, page, "seen")
	for i, id := range seen.IDs {
		require.Equal(t, seen.IDs[0]+int64(i), id, "the events of the page, after its first one")
	}
	assert.Zero(t, seen.Resets)
	for _, state := range seen.States {
		assert.Zero(t, state, "the readyState at each error: the browser comes back")
	}
}

// openTab opens a URL in a tab of its own, which is closed when the test ends.
func openTab(t *testing.T, browser *chromium.Browser, url string) *tab {
	t.Helper()
	return &tab{ctx: browser.Open(t, 4*local.Soon, url)} // each wait ends earlier
}

// steady waits until the page has an event that is published from now on.
func (p *tab) steady(t *testing.T, market *local.Market) {
	t.Helper()
	p.until(t, fmt.Sprintf("seen.ids.at(-1) >= %d", market.Publish()))
}

// until waits until an expression is true on the page.
func (p *tab) until(t *testing.T, expression string) {
	t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](expression,
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(local.Soon)))
	if err != nil {
		require.NoError(t, err, "%s was never true. The page has met %s", expression, value[json.RawMessage](t, p, "seen"))
	}
}

// value evaluates an expression on the page.
func value[T any](t *testing.T, p *tab, expression string) T {
	t.Helper()
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, "%s", expression)
	return found
}
