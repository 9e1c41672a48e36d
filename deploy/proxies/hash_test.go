package proxies_test

import (
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// Where the proxy chooses the bridge by the path, there is one upstream stream for each path, and not one for each path and
// bridge. The pages of a bridge that ends go to the other one, and those of the other one stay. A bridge that is back gets the
// pages that come from then on.
func TestPathsHaveOneBridge(t *testing.T) {
	const paths, pages = 8, 3 // pages of each path
	each(t, hashingProxies(), func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := p.bridges(t, market, "15s")
		base := p.front(t, documentedIdle, pair)
		trade(t, market)

		var open [paths][]*local.Page
		join := func() {
			for i := range open {
				open[i] = append(open[i], local.Open(t, url(base, i), nil))
			}
		}
		// steady waits until each page has the events that are published from now on, and there are some upstream streams.
		steady := func(streams int) {
			t.Helper()
			now := market.Publish()
			for i := range open {
				for _, page := range open[i] {
					until(t, page, func(s local.Seen) bool { return number(s.LastID) >= now })
				}
			}
			require.Eventually(t, func() bool { return market.Streams() == int64(streams) }, local.Soon, 5*time.Millisecond,
				"upstream streams: %d", streams)
		}
		for range pages {
			join()
		}
		steady(paths)

		pair[0].End(syscall.SIGKILL)
		steady(paths)
		var moved []string
		for i := range open {
			cut := 0
			for _, page := range open[i] {
				if page.Seen().Connects > 1 {
					cut++
				}
			}
			assert.Contains(t, []int{0, pages}, cut, "pages of one path that were cut off")
			if cut > 0 {
				moved = append(moved, url(base, i))
			}
		}
		pair[0].Start(t)
		awaitReturn(t, market, moved)
		join()
		steady(paths + len(moved))
		pair[1].End(syscall.SIGKILL)
		steady(paths)

		for i := range open {
			for _, page := range open[i] {
				consecutive(t, page.Seen())
			}
		}
	})
}

// url is the address of the stream of a path.
func url(base string, path int) string { return fmt.Sprintf("%s/quotes/S%d", base, path) }

// awaitReturn waits until the proxy uses a bridge again for some URLs. The other bridge has a stream for each of them already.
func awaitReturn(t *testing.T, market *local.Market, urls []string) {
	t.Helper()
	if len(urls) == 0 {
		return
	}
	before := market.Streams()
	for deadline, back := time.Now().Add(local.Soon), false; !back; {
		require.True(t, time.Now().Before(deadline), "the proxy does not use the bridge again")
		page := local.Open(t, urls[0], nil)
		until(t, page, func(s local.Seen) bool { return s.Connects > 0 })
		back = market.Streams() > before
		page.Leave()
	}
	require.Eventually(t, func() bool { return market.Streams() == before }, local.Soon, 5*time.Millisecond)
}

// consecutive checks that a page got all events from its first one on, and no reset.
func consecutive(t *testing.T, seen local.Seen) {
	t.Helper()
	assert.Zero(t, seen.Resets)
	first := number(seen.IDs[0])
	for i, id := range seen.IDs {
		require.Equal(t, first+int64(i), number(id), "the events of a page, after its first one")
	}
}

// The page about replicas shows the lines that the configurations have as comments.
func TestThePageShowsTheLinesThatHash(t *testing.T) {
	page, err := os.ReadFile("../../docs/replicas.md")
	require.NoError(t, err)
	for file, lines := range map[string][]string{
		"nginx.conf":  {"hash $uri consistent;"},
		"haproxy.cfg": {"balance uri", "hash-type consistent"},
		"Caddyfile":   {"lb_policy uri_hash"},
	} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range lines {
			assert.Regexp(t, `(?m)^\s*#`+regexp.QuoteMeta(line)+"$", string(content), file)
			assert.Regexp(t, `(?m)^\s*`+regexp.QuoteMeta(line)+"$", string(page), "docs/replicas.md")
		}
	}
}
