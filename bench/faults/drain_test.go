package faults_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/role"
)

// TestABridgeIsReplaced stops a bridge under all of its streams. Each ends in good order within the drain time, at a random
// moment, and its browser goes on at another bridge.
func TestABridgeIsReplaced(t *testing.T) {
	t.Parallel()
	const drain = 10 * time.Second
	p := startTape(t, 4, 64)
	rest := fmt.Sprintf("upstreams: {tape: {target: %q}}", p.role.Listen) + watched
	old, next := startBridge(t, "drain_timeout: 10s", rest), startBridge(t, "drain_timeout: 1s", rest)
	private, shared := startCrowd(t, old.Address), startCrowd(t, old.Address)
	n := *streams / 5
	private.open(load.Order{Browsers: n, Path: "/private/{n}", Back: &load.Back{}})
	shared.open(load.Order{Browsers: *streams - n, Path: "/shared/all", Back: &load.Back{}})
	requireCurrent(t, p, private, shared)
	for _, c := range []*crowd{private, shared} {
		require.NoError(t, c.Ask(role.AskMove, next.Address, nil))
	}
	began := time.Now()
	require.NoError(t, old.Signal(syscall.SIGTERM))
	select {
	case <-old.Ended():
	case <-time.After(drain + patience):
		require.FailNow(t, "the bridge is still there")
	}
	took := time.Since(began)
	require.NoError(t, old.Outcome())
	var seen, others load.Tally
	eventually(t, func() bool {
		seen, others = private.tally(), shared.tally()
		return seen.Life.Returned == n && others.Life.Returned == *streams-n && seen.Connected+others.Connected == *streams
	}, func() string { return fmt.Sprintf("%+v\n%+v", seen, others) })
	requireCurrent(t, p, private, shared)
	assert.Zero(t, requireClean(t, private).Resets)
	requireClean(t, shared)
	for _, seen := range []load.Tally{seen, others} {
		assert.Equal(t, seen.Life.Returned, seen.Life.Told, "each was told to come back: %+v", seen.Life)
		assert.Zero(t, seen.Life.Broken+seen.Life.Refused, "%+v", seen.Life)
	}
	var returns []load.Return
	for _, c := range []*crowd{private, shared} {
		var some []load.Return
		require.NoError(t, c.Ask(role.AskReturns, nil, &some))
		returns = append(returns, some...)
	}
	require.Len(t, returns, *streams)
	crowded := most(returns, began, drain)
	assert.Less(t, crowded, 3.0, "how many more than the mean come back in one tenth of the drain time")
	t.Logf("%d streams ended within %s; the fullest tenth of the drain time has %.2f times the mean; %d resets",
		*streams, took.Round(time.Millisecond), crowded, others.Resets)
	private.leave()
	shared.leave()
}

// most returns how many browsers come back in the fullest tenth of a time, in relation to the mean of all tenths.
func most(returns []load.Return, began time.Time, span time.Duration) float64 {
	tenths := map[int64]int{}
	for _, r := range returns {
		tenths[(r.Due-began.UnixNano())/int64(span/10)]++
	}
	var counts []int
	for _, n := range tenths {
		counts = append(counts, n)
	}
	return float64(slices.Max(counts)) * 10 / float64(len(returns))
}
