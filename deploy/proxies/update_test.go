package proxies_test

import (
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// A rolling update of two bridges, and a moment without any bridge, close no EventSource. Each page gets each event once.
func TestAnUpdateClosesNoPage(t *testing.T) {
	const pages = 20
	each(t, allProxies(), func(t *testing.T, p proxy) {
		market := local.StartMarket(t)
		pair := p.bridges(t, market, "15s")
		base := p.front(t, documentedIdle, pair)
		trade(t, market)

		var open []*local.Page
		for range pages {
			open = append(open, local.Open(t, base+"/tape", nil))
		}
		all := func(wanted func(local.Seen) bool) {
			t.Helper()
			for _, page := range open {
				until(t, page, wanted)
			}
		}
		// steady waits until each page has the events that are published from now on.
		steady := func() {
			t.Helper()
			now := market.Publish()
			all(func(s local.Seen) bool { return number(s.LastID) >= now })
		}
		steady()
		for _, b := range pair {
			b.End(syscall.SIGTERM)
			assert.Zero(t, b.ExitCode())
			steady()
			b.Start(t)
		}
		steady()

		if !p.tcp { // a proxy for TCP has no answer of its own
			away(t, pair, open)
			steady()
		}

		for _, page := range open {
			consecutive(t, page.Seen())
		}
	})
}

// away is a moment without any bridge, in which each page comes back twice.
func away(t *testing.T, pair [2]*local.Bridge, open []*local.Page) {
	t.Helper()
	pair[0].End(syscall.SIGKILL)
	pair[1].End(syscall.SIGKILL)
	var before []int
	for _, page := range open {
		before = append(before, page.Seen().Connects)
	}
	for i, page := range open { // each is told twice that there is no bridge
		until(t, page, func(s local.Seen) bool { return s.Connects >= before[i]+2 })
	}
	pair[1].Start(t)
}

// number returns the sequence number that an id is, or -1.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// trade publishes fifty quotes a second until the test ends.
func trade(t *testing.T, market *local.Market) {
	t.Helper()
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				market.Publish()
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait() })
}
