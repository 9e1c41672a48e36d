package faults_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// TestClientsThatStallAreBounded has clients that read nothing, while others read on. The memory of the bridge stays bounded,
// and the others get every event. It does not run beside other tests: a browser that has no CPU time to read with stalls too.
func TestClientsThatStallAreBounded(t *testing.T) {
	const limit = 128 << 20
	p := startTape(t, 10, 4<<10)
	b := startBridge(t, "drain_timeout: 1s, limits: {queue_bytes: 16MiB, replay_bytes: 16MiB}", fmt.Sprintf(`
upstreams: {tape: {target: %q}}
routes:
  - {path: "/private/{topic}", rpc: test.stream.v1.StreamService/Watch, write_timeout: 5m}
  - {path: "/shared/{topic}", rpc: test.stream.v1.StreamService/Watch, write_timeout: 5m, share: {late_join: latest}}
`, p.role.Listen), fmt.Sprintf("GOMEMLIMIT=%d", limit))
	before := b.atRest()
	reading, stalling := startCrowd(t, b.Address), startCrowd(t, b.Address)
	reading.open(load.Order{Browsers: 20, Path: "/private/{n}", Back: &load.Back{}})
	reading.open(load.Order{Browsers: 80, Path: "/shared/all", Back: &load.Back{}})
	requireCurrent(t, p, reading)
	stalling.open(load.Order{Browsers: *stalls / 2, Path: "/private/{n}", Stall: true})
	stalling.open(load.Order{Browsers: *stalls - *stalls/2, Path: "/shared/all", Stall: true})
	var resident, heap float64
	for range 60 { // each round waits for an event that is new
		newest := p.newest()
		eventually(t, func() bool { return reading.behind(newest+2) == 0 },
			func() string { return fmt.Sprintf("%+v", reading.tally()) })
		m := b.metrics()
		resident, heap = max(resident, m["process_resident_memory_bytes"]), max(heap, m["go_memstats_heap_inuse_bytes"])
	}
	seen := requireClean(t, reading)
	assert.Zero(t, seen.Resets)
	// All have stalled for less than a second when the first are ended. On a busy machine, a browser may have read nothing for as
	// long.
	assert.LessOrEqual(t, seen.Life.Returned, 10, "hardly a browser that reads notices anything: %+v", seen.Life)
	require.Positive(t, resident)
	assert.Less(t, resident, 2.0*limit)
	still := stalling.tally()
	t.Logf("%d clients stalled, %d of them were cut off; at most %.0f MiB resident, %.0f MiB of heap",
		*stalls, still.Cut, resident/(1<<20), heap/(1<<20))
	reading.leave()
	stalling.leave()
	b.requireRest(before, p)
}
