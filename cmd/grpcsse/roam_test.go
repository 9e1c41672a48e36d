package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// roamers is how many clients of a route go from bridge to bridge. Each bridge has one more that stays until the bridge ends.
const roamers = 6

// travels are two bridges without a proxy in front, and the clients that go from one to the other.
type travels struct {
	keeper   *bookkeeper
	bridges  [2]*replica
	starts   [2]int
	stations stations
	settled  atomic.Bool // all clients stay where they are
	first    [2][]*roamer
	asleep   map[string]place // by route
	ctx      context.Context
	running  *sync.WaitGroup

	mu  sync.Mutex
	all []*roamer // guarded by mu
}

// process names the present process of a bridge.
func (v *travels) process(bridge int) string {
	return strconv.Itoa(bridge) + "-" + strconv.Itoa(v.starts[bridge])
}

// start starts a bridge. The first clients there stay, one for each route, so the shared streams last as long as the process.
// Where the bridge starts again, these clients were asleep since its end, and come back with the ids that the ended process
// gave.
func (v *travels) start(t *testing.T, bridge int) {
	t.Helper()
	one := v.bridges[bridge]
	at := station{url: "http://" + one.address}
	v.stations.remove(at.url)
	v.starts[bridge]++
	at.process = v.process(bridge)
	require.NoError(t, os.WriteFile(one.file, []byte(`
server: {drain_timeout: 300ms, access_log: off}
upstreams: {market: {target: "`+v.keeper.address+`", metadata: {x-process: "`+at.process+`"}}}
defaults:
  share: {late_join: latest, linger: 0s, replay: {events: 100000, bytes: 64MiB, age: 1h}}
routes:
  - path: /tape
    rpc: demo.market.v1.MarketService/WatchTape
    request: {set: {after_sequence: "${last_event_id}"}}
    event: {id: sequence}
  - {path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}
`), 0o600))
	one.start(t)
	for path, was := range v.asleep {
		first := v.send(path, &at, was, func() bool { return true })
		require.Eventually(t, func() bool { _, l := first.seen(); return l.visits > 0 }, soon, time.Millisecond)
		v.first[bridge] = append(v.first[bridge], first)
	}
	v.stations.set(at)
}

// end ends a bridge. It notes the places of the clients that came first.
func (v *travels) end(t *testing.T, bridge int, signal syscall.Signal) {
	t.Helper()
	for _, one := range v.first[bridge] {
		v.until(t, "the first clients have events", func() bool { return one.where().newest != quote{} })
		v.asleep[one.path] = one.where()
	}
	v.first[bridge] = nil
	v.bridges[bridge].end(signal)
}

// send sends a client on its way. The client begins at a given bridge, or at one of its choice where first is nil. It has had
// events up to a place, unless that is the zero place.
func (v *travels) send(path string, first *station, was place, stays func() bool) *roamer {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := &roamer{
		path: path, resumes: path == "/tape", stays: stays, stations: &v.stations, place: was,
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}},
	}
	v.all = append(v.all, one)
	v.running.Go(func() { one.roam(v.ctx, first) })
	return one
}

// each calls a function with what each client has met.
func (v *travels) each(do func(one *roamer, newest quote, l travelLog)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, one := range v.all {
		newest, l := one.seen()
		do(one, newest, l)
	}
}

// sum adds up what all clients have met.
func (v *travels) sum() (sum travelLog) {
	v.each(func(_ *roamer, _ quote, l travelLog) {
		sum.visits += l.visits
		sum.cuts += l.cuts
		sum.refusals += l.refusals
		sum.quotes += l.quotes
		sum.resets += l.resets
		sum.faults = append(sum.faults, l.faults...)
	})
	return sum
}

// roamOn waits until the clients have made some more visits.
func (v *travels) roamOn(t *testing.T) {
	t.Helper()
	const more = 30
	before := v.sum().visits
	v.until(t, "the clients go on", func() bool { return v.sum().visits >= before+more })
}

// until waits for a condition.
func (v *travels) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !assert.Eventually(t, condition, soon, 5*time.Millisecond, what) {
		require.FailNow(t, "the clients", "%+v", v.sum())
	}
}

// TestClientsRoamBetweenTwoBridges has clients go from one bridge to another at random, each time with the id of the last event
// that they got, while events flow. One bridge ends and is started again, and then the other one.
//
// On the route whose ids are the upstream's, each client gets all events once, and no reset. On the route whose ids are the
// bridge's own, an id leads on in the process that gave it, and every other process answers it with a reset.
func TestClientsRoamBetweenTwoBridges(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"kill -9": syscall.SIGKILL, "deploy": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			v := &travels{keeper: startBookkeeper(t), ctx: ctx, running: &running,
				asleep: map[string]place{"/tape": {}, "/quotes": {}}}
			leave := func() { cancel(); running.Wait() }
			t.Cleanup(leave)
			stop := v.keeper.trade()
			t.Cleanup(stop)

			for i := range v.bridges {
				v.bridges[i] = &replica{file: filepath.Join(t.TempDir(), "grpcsse.yaml"), address: freePort(t)}
				v.start(t, i)
			}
			for range roamers {
				v.send("/tape", nil, place{}, v.settled.Load)
				v.send("/quotes", nil, place{}, v.settled.Load)
			}
			v.roamOn(t)
			for i := range v.bridges {
				v.end(t, i, signal)
				v.roamOn(t)
				v.start(t, i)
				v.roamOn(t)
			}
			v.settled.Store(true)
			v.until(t, "one stream for each bridge and route", func() bool { return v.keeper.now() == 4 })
			v.keeper.goOn(t) // a stream that has just begun has no event yet
			stop()
			v.until(t, "each client has the newest event", v.current)
			leave()
			v.until(t, "no upstream stream is left", func() bool { return v.keeper.now() == 0 })
			v.check(t)
		})
	}
}

// trade publishes quotes until the function that it returns is called.
func (b *bookkeeper) trade() (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				b.publish()
			case <-done:
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(done); running.Wait() })
}

// goOn waits until each stream that is open has a quote that was published after it began.
func (b *bookkeeper) goOn(t *testing.T) {
	t.Helper()
	_, more := b.published()
	select {
	case <-more:
	case <-time.After(soon):
		require.FailNow(t, "no quote was published")
	}
}

// current reports whether each client has the newest quote of its stream.
func (v *travels) current() bool {
	all := true
	v.each(func(_ *roamer, newest quote, _ travelLog) {
		all = all && newest.Symbol != "" && newest.Sequence == v.keeper.last(newest.Symbol)
	})
	return all
}

// check compares what the clients have met, and what the upstream has, with what each route promises.
func (v *travels) check(t *testing.T) {
	t.Helper()
	faults := v.sum().faults
	assert.Empty(t, faults[:min(5, len(faults))])
	v.each(func(one *roamer, _ quote, l travelLog) {
		if one.resumes {
			assert.Zero(t, l.resets)
		}
	})
	assert.GreaterOrEqual(t, v.sum().cuts, 4, "each client that stays at a bridge is cut off when the bridge ends")
	assert.Positive(t, v.sum().resets, "clients that came to a bridge with an id of the other one")
	caughtUp := 0
	for bridge := range v.bridges {
		for v.starts[bridge] > 0 {
			process := v.process(bridge)
			for _, method := range []string{"WatchTape", "WatchQuotes"} {
				opened := v.keeper.streams(opening{process, method, false})
				assert.Equal(t, 1, opened, "shared streams of %s that bridge %s opened", method, process)
			}
			opened := v.keeper.streams(opening{process, "WatchTape", true})
			caughtUp += opened
			v.starts[bridge]--
		}
	}
	assert.GreaterOrEqual(t, caughtUp, 2, "short streams: a client that was asleep came back to each bridge")
	t.Logf("%d visits, %d short streams", v.sum().visits, caughtUp)
}
