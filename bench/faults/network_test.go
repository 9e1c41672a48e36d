package faults_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/internal/relay"
)

// startRelay starts a network to an address.
func startRelay(t *testing.T, address string) *relay.Relay {
	t.Helper()
	r, err := relay.New(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r
}

// breakage is something that happens to a network, and passes or is got around.
type breakage struct {
	name string
	do   func(t *testing.T, r *relay.Relay)
}

// breakages are all that a relay can do. What is frozen stays frozen: both ends must notice.
var breakages = []breakage{
	{"slow", func(_ *testing.T, r *relay.Relay) { r.Delay(200 * time.Millisecond) }},
	{"fast again", func(_ *testing.T, r *relay.Relay) { r.Delay(0) }},
	{"reset", func(t *testing.T, r *relay.Relay) { t.Helper(); require.Positive(t, r.Cut()) }},
	{"closed", func(t *testing.T, r *relay.Relay) { t.Helper(); require.Positive(t, r.Shut()) }},
	{"silent", func(t *testing.T, r *relay.Relay) { t.Helper(); require.Positive(t, r.Freeze()) }},
	{"half open", func(t *testing.T, r *relay.Relay) {
		t.Helper()
		r.Mute(true)
		r.Cut()
		eventually(t, func() bool { return r.Freeze() > 0 }, func() string { return "no connection was tried again" })
		r.Mute(false)
	}},
	{"reset again", func(t *testing.T, r *relay.Relay) { t.Helper(); require.Positive(t, r.Cut()) }},
}

// TestTheNetworkToTheUpstreamFails breaks the connection between bridge and upstream in every way. On routes that resume no
// browser notices anything: heartbeats go on while the bridge waits.
func TestTheNetworkToTheUpstreamFails(t *testing.T) {
	t.Parallel()
	p := startTape(t, 20, 64)
	network := startRelay(t, p.role.Listen)
	upstreams := fmt.Sprintf("upstreams: {tape: {target: %q, keepalive: {time: 10s, timeout: 2s}}}", network.Address())
	b := startBridge(t, "drain_timeout: 1s", upstreams+watched)
	before := b.atRest()
	parked, told := startCrowd(t, b.Address), startCrowd(t, b.Address)
	back := &load.Back{Silence: 9 * time.Second} // less than it takes to notice a silent upstream
	parked.open(load.Order{Browsers: 50, Path: "/private/{n}", Back: back})
	parked.open(load.Order{Browsers: 100, Path: "/shared/all", Back: back})
	told.open(load.Order{Browsers: 20, Path: "/told/{n}", Back: back})
	requireCurrent(t, p, parked, told)
	for _, kind := range breakages {
		kind.do(t, network)
		t.Logf("%s: all go on after %s", kind.name, requireProgress(t, p, parked, told).Round(time.Millisecond))
	}
	seen := requireClean(t, parked)
	assert.Zero(t, seen.Resets)
	assert.Equal(t, load.Life{}, seen.Life, "no browser notices anything")
	seen = requireClean(t, told)
	assert.Positive(t, seen.Resets)
	assert.Zero(t, seen.Life.Broken+seen.Life.Silent, "%+v", seen.Life)
	parked.leave()
	told.leave()
	network.Cut() // the upstream itself looks for nothing
	b.requireRest(before, p)
}

// TestTheNetworkToTheBrowsersFails breaks the connections between browsers and bridge in every way. Each browser notices, and
// goes on behind its last event. The bridge lets go of streams that no browser reads.
func TestTheNetworkToTheBrowsersFails(t *testing.T) {
	t.Parallel()
	p := startTape(t, 20, 256)
	b := startBridge(t, "drain_timeout: 1s", fmt.Sprintf(`
upstreams: {tape: {target: %q}}
routes:
  - {path: "/private/{topic}", rpc: test.stream.v1.StreamService/Watch, write_timeout: 5s}
  - {path: "/shared/{topic}", rpc: test.stream.v1.StreamService/Watch, write_timeout: 5s, share: {late_join: latest}}
`, p.role.Listen))
	before := b.atRest()
	network := startRelay(t, b.Address)
	const each = 50
	c := startCrowd(t, network.Address())
	back := &load.Back{Silence: 5 * time.Second}
	c.open(load.Order{Browsers: each, Path: "/private/{n}", Back: back})
	c.open(load.Order{Browsers: each, Path: "/shared/all", Back: back})
	requireCurrent(t, p, c)
	var seen load.Tally
	for _, kind := range breakages {
		kind.do(t, network)
		took := requireProgress(t, p, c)
		eventually(t, func() bool { seen = c.tally(); return seen.Connected == 2*each },
			func() string { return fmt.Sprintf("%+v", seen) })
		t.Logf("%s: all go on after %s", kind.name, took.Round(time.Millisecond))
		var streams float64
		eventually(t, func() bool { streams = b.metrics()["grpcsse_streams"]; return streams == 2*each },
			func() string { return fmt.Sprintf("%v streams are open for %d browsers", streams, 2*each) })
	}
	seen = requireClean(t, c)
	assert.Zero(t, seen.Resets)
	assert.GreaterOrEqual(t, seen.Life.Returned, 4*each)
	c.leave()
	b.requireRest(before, p)
}
