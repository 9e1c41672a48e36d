package pump

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Where many clients leave at once, all streams are abandoned before the first connection is closed.
func TestACrowdThatLeavesIsAbandonedFirst(t *testing.T) {
	const crowd = 3 * departuresPerStep
	r, events := newRig(), new(tape)
	var guests []*guest
	for range crowd {
		guests = append(guests, r.join(events, &Settings{Comment: []byte(":\n")}))
	}
	stays := r.join(events, new(Settings))
	r.settle()
	for _, g := range guests {
		g.leave(nil)
	}
	r.once()
	for _, g := range guests {
		assert.Equal(t, 1, g.cur.abandoned)
		assert.Empty(t, g.closed)
		assert.Empty(t, g.outcomes)
	}
	events.put("news\n")
	closed := func() (n int) {
		for _, g := range guests {
			n += len(g.closed)
		}
		return n
	}
	for n := departuresPerStep; n <= crowd; n += departuresPerStep {
		next := r.once()
		assert.Equal(t, n, closed())
		assert.Equal(t, n < crowd, next <= r.at, "a step is due while connections are to be closed")
	}
	r.settle()
	for _, g := range guests {
		require.Len(t, g.outcomes, 1)
		assert.Equal(t, ending.ByGone, g.outcomes[0].Reason)
		assert.Equal(t, ":\n", g.text(), "nothing is written to a client that has left")
	}
	assert.Equal(t, "news\n", stays.text())
	assert.Zero(t, stays.cur.abandoned)
	assert.Equal(t, crowd, r.ended)
}

// A client that has left may be forgotten for another reason before its connection is closed, and its slot may be used again.
func TestAClientThatHasLeftIsForgottenOnce(t *testing.T) {
	r, events := newRig(), new(tape)
	g := r.join(events, new(Settings))
	r.settle()
	g.leave(nil)
	r.once()
	require.Equal(t, 1, r.departures.len())
	p := r.departures.items[r.departures.head].p
	r.finish(p, p.outcome(ending.BySlow, nil), atOnce)
	other := r.join(events, new(Settings))
	r.settle()
	assert.Len(t, g.outcomes, 1)
	assert.Len(t, g.closed, 1)
	assert.Empty(t, other.closed)
	assert.Zero(t, r.departures.len())
}

// What broke the connection of a client stays known until the connection is closed.
func TestTheFaultOfAClientThatHasLeftIsKept(t *testing.T) {
	r := newRig()
	g := r.join(new(tape), new(Settings))
	r.settle()
	g.leave(syscall.ETIMEDOUT)
	r.once()
	g.fault = nil // the kernel tells it once
	r.settle()
	require.Len(t, g.outcomes, 1)
	assert.Equal(t, ending.BySlow, g.outcomes[0].Reason)
	assert.ErrorIs(t, g.outcomes[0].Err, syscall.ETIMEDOUT)
}
