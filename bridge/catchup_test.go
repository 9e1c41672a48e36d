package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// historyRoute is a route for a [history], whose streams are shared. Its log holds far more events than a test sends.
func historyRoute(extra ...string) string {
	return routeFile(append([]string{
		"event: {id: sequence, name: kind, retry: 500ms}", `request: {set: {after_sequence: "${last_event_id}"}}`,
		"share: {late_join: none, linger: 1m, replay: {events: 100000}}",
	}, extra...)...)
}

// catchUps is an observer that counts catch-ups.
type catchUps struct {
	bridge.NopObserver

	mu             sync.Mutex
	running, most  int
	outcomes       map[bridge.CatchUpOutcome]int
	leftOut, waits int
	longest        time.Duration
	unnamed        int
}

func (c *catchUps) CatchUpStarted(s bridge.CatchUpStart) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
	c.most = max(c.most, c.running)
	c.name(s.Route)
}

func (c *catchUps) CatchUpEnded(e bridge.CatchUpEnd) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.outcomes == nil {
		c.outcomes = map[bridge.CatchUpOutcome]int{}
	}
	c.outcomes[e.Outcome]++
	c.longest = max(c.longest, e.Lasted)
	c.name(e.Route)
}

func (c *catchUps) name(route string) {
	if route != "/watch/{topic}" {
		c.unnamed++
	}
}

func (c *catchUps) IDLeftOut(bridge.LeftOutID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leftOut++
}

func (c *catchUps) StreamWaits(bridge.SlotWait) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits++
}

// counted returns how many catch-ups ran at once at most, and how they ended.
func (c *catchUps) counted(t *testing.T) (most int, outcomes map[bridge.CatchUpOutcome]int) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.running == 0
	}, silence, time.Millisecond, "each CatchUpStarted has its CatchUpEnded")
	c.mu.Lock()
	defer c.mu.Unlock()
	assert.Zero(t, c.unnamed, "calls with another route")
	return c.most, c.outcomes
}

// crowd are pages that read one address, which a test changes when it replaces the bridge.
type crowd struct {
	pages []*page
	url   atomic.Pointer[string]
	leave context.CancelFunc
	gone  sync.WaitGroup
}

// gather has so many pages come to an address.
func gather(t *testing.T, n int, client func(url string) *http.Client, url string) *crowd {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	c := &crowd{leave: leave}
	c.move(url)
	for i := range n {
		p := &page{client: client(url), coding: []string{"", "gzip", "zstd"}[i%3], url: func() string { return *c.url.Load() }}
		c.pages = append(c.pages, p)
		c.gone.Go(func() { p.run(ctx, t) })
	}
	t.Cleanup(c.disperse)
	return c
}

func (c *crowd) move(url string) {
	url += "/watch/x"
	c.url.Store(&url)
}

func (c *crowd) disperse() {
	c.leave()
	c.gone.Wait()
}

// requireLive waits until each page has had so many live events more.
func (c *crowd) requireLive(t *testing.T, more int64) {
	t.Helper()
	wanted := make([]int64, len(c.pages))
	for i, p := range c.pages {
		wanted[i] = p.live.Load() + more
	}
	for i, p := range c.pages {
		require.Eventually(t, func() bool { return p.live.Load() >= wanted[i] || p.ended() != "" }, silence, time.Millisecond,
			"page %d stands still at %q", i, p.lastID())
	}
}

// assertClean expects that no page has missed anything, nor was told a reset.
func (c *crowd) assertClean(t *testing.T) {
	t.Helper()
	for i, p := range c.pages {
		faults, told := p.ledger()
		assert.Empty(t, faults, "page %d (%q)", i, p.coding)
		assert.Empty(t, told, "resets that page %d was told", i)
	}
}

// startCounted is startFront with an observer.
func startCounted(t *testing.T, s *server, file string) (*front, *catchUps) {
	t.Helper()
	cfg := parse(t, s, file)
	seen := &catchUps{}
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(seen))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}, seen
}

// TestARestartOfTheBridgeCostsNoPageItsPlace replaces the bridge twice while events flow: once at once, and once after a drain.
func TestARestartOfTheBridgeCostsNoPageItsPlace(t *testing.T) {
	snapshots := map[string]func(int64) []int64{"nothing": nil, "everything": newestHundred, "the newest of each key": newestOfEachKey}
	names := []string{"nothing", "everything", "the newest of each key"}
	for i, kind := range transports(t) {
		for _, name := range []string{names[i%3], "the newest of each key"} {
			t.Run(kind.name+", "+name, func(t *testing.T) {
				t.Parallel() // it waits until ids are sure
				h := newHistory(100)
				h.snapshot = snapshots[name]
				s := startServer(t, "127.0.0.1:0", h.watch)
				h.publishEvery(t, 2*time.Millisecond)
				f, _ := startCounted(t, s, historyRoute())
				url, client := kind.dial(t, f)
				pages := gather(t, 12, func(string) *http.Client { return client }, url)
				pages.requireLive(t, 30)
				for _, drain := range []time.Duration{0, 400 * time.Millisecond} {
					next, seen := startCounted(t, s, historyRoute())
					url, _ := kind.dial(t, next)
					pages.move(url)
					ctx, cancel := context.WithTimeout(t.Context(), drain)
					_ = f.bridge.Shutdown(ctx) // ends with ctx at the latest
					cancel()
					require.NoError(t, f.bridge.Close())
					pages.requireLive(t, 100)
					most, outcomes := seen.counted(t)
					assert.LessOrEqual(t, most, 4)
					assert.Positive(t, outcomes[bridge.CatchUpMet], "%v", outcomes)
					f = next
				}
				s.requireStreams(t, 1)
				pages.disperse()
				pages.assertClean(t)
				for _, p := range pages.pages {
					assert.GreaterOrEqual(t, p.visits.Load(), int64(3))
				}
			})
		}
	}
}

// crowdOf returns how many clients a test takes that should have n. The race detector makes them all slow.
func crowdOf(n int) int {
	if raceEnabled {
		return n / 10
	}
	return n
}

// A thousand callers that all had the newest event cost one catch-up.
func TestManyCallersAtTheHeadShareOneCatchUp(t *testing.T) {
	h := newHistory(1000)
	s := startServer(t, "127.0.0.1:0", h.watch)
	h.publishEvery(t, 20*time.Millisecond)
	f, seen := startCounted(t, s, historyRoute())
	client := clients(t)["h2c"]
	var coming sync.WaitGroup
	for range crowdOf(1000) {
		coming.Go(func() {
			p := &page{client: client, url: func() string { return f.url + "/watch/x" }, last: "1000", expected: 1001}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			coming.Go(func() { p.run(ctx, t) })
			// A page that left earlier could be the last one that reads from the catch-up.
			assert.Eventually(t, func() bool { return p.live.Load() >= 50 }, 2*silence, 10*time.Millisecond)
			faults, told := p.ledger()
			assert.Empty(t, faults)
			assert.Empty(t, told)
		})
	}
	coming.Wait()
	assert.LessOrEqual(t, h.fresh.Load()+h.resumed.Load(), int64(2), "streams opened at the server")
	_, outcomes := seen.counted(t)
	assert.Equal(t, map[bridge.CatchUpOutcome]int{bridge.CatchUpMet: 1}, outcomes)
}

// Where nothing follows the id of a caller, its catch-up ends after a while all the same.
func TestCallersOfAQuietStreamCatchUp(t *testing.T) {
	t.Parallel() // it waits
	h := newHistory(1000)
	s := startServer(t, "127.0.0.1:0", h.watch)
	f, seen := startCounted(t, s, historyRoute())
	readers := map[string]*reader{}
	for name, client := range clients(t) {
		readers[name] = newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "1000")))
	}
	s.requireStreams(t, 2)
	require.Eventually(t, func() bool { return s.open.Load() == 1 }, silence, 10*time.Millisecond, "the catch-up has ended")
	h.publish(2)
	for _, r := range readers {
		requireIDs(t, r, "1001", "1002")
	}
	_, outcomes := seen.counted(t)
	assert.Equal(t, map[bridge.CatchUpOutcome]int{bridge.CatchUpQuiet: 1}, outcomes)
	assert.EqualValues(t, 2, s.opened.Load())
}

// Callers that come with hundreds of different ids all keep their places, and few of them are read at once.
func TestManyDifferentIDsKeepTheirPlaces(t *testing.T) {
	ids := int64(crowdOf(500))
	h := newHistory(ids + 20)
	h.snapshot = newestOfEachKey
	s := startServer(t, "127.0.0.1:0", h.watch)
	h.publishEvery(t, 5*time.Millisecond)
	f, seen := startCounted(t, s, historyRoute())
	client := clients(t)["h2c"]
	var coming sync.WaitGroup
	waiting := make(chan struct{}, 16) // a catch-up waits for its turn for 10 s, so few of them wait on a busy machine
	for id := int64(1); id <= ids; id++ {
		waiting <- struct{}{}
		coming.Go(func() {
			p := &page{client: client, url: func() string { return f.url + "/watch/x" }, last: fmt.Sprint(id), expected: id + 1}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			coming.Go(func() { p.run(ctx, t) })
			assert.Eventually(t, func() bool { return p.live.Load() > 0 }, silence, time.Millisecond, "a turn for the id %d", id)
			<-waiting
			assert.Eventually(t, func() bool { return p.live.Load() >= ids+150-id }, 2*silence, 10*time.Millisecond)
			faults, told := p.ledger()
			assert.Empty(t, faults, "id %d", id)
			assert.Empty(t, told, "id %d", id)
		})
	}
	coming.Wait()
	most, outcomes := seen.counted(t)
	assert.LessOrEqual(t, most, 4, "catch-ups at once")
	// A caller that has read enough may leave before its catch-up has met the log.
	assert.EqualValues(t, ids, outcomes[bridge.CatchUpMet]+outcomes[bridge.CatchUpLeft], "%v", outcomes)
	assert.EqualValues(t, 1, h.fresh.Load())
	s.requireStreams(t, 1)
}
