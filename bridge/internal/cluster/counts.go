package cluster

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// Counts are what has happened to the shared streams of a process since it began, and what is so now.
type Counts struct {
	Connected bool // to NATS, now
	// Joining, Owned, Followed and Alone are the shared streams by role, now.
	Joining, Owned, Followed, Alone int64

	Takeovers uint64 // streams that this process owned after another process had
	Gaps      uint64 // how often a follower missed something that the owner had sent
	Filled    uint64 // events that followers got because they asked for them
	// Unread counts messages that the process could not read: of another program, or of a bridge with another secret or version.
	Unread uint64
	// AloneFor is how long streams were read without the cluster, added up.
	AloneFor time.Duration
	// Ages are how old the newest event of each page of the owner was when this process took the page. The clocks of the two machines
	// decide about the way of the page, which counts for 0 to 5 s.
	Ages Histogram
	// RoundTrips are how long owners took to answer over NATS. An answer that does not come counts with the time that it was
	// waited for, 0.4 s.
	RoundTrips Histogram
}

// Histogram counts durations by their size.
type Histogram struct {
	// Bounds are the greatest durations of the buckets, in rising order.
	Bounds []time.Duration
	// Buckets are how many durations are in each bucket. The last one has those over all bounds, so there is one more than Bounds.
	Buckets []uint64
	// Sum is that of all durations.
	Sum time.Duration
}

// bounds returns the bounds of all histograms.
func bounds() []time.Duration {
	const us, ms = time.Microsecond, time.Millisecond
	return []time.Duration{
		100 * us, 250 * us, 500 * us, ms, 2500 * us, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second,
	}
}

// Tally counts what hooks tell. Its methods may be called concurrently.
type Tally struct {
	roles                   [Gone + 1]atomic.Int64
	takeovers, gaps, filled atomic.Uint64
	unread                  atomic.Uint64
	alone                   atomic.Int64 // nanoseconds
	ages, roundTrips        *durations
}

// NewTally returns a tally that has counted nothing.
func NewTally() *Tally { return &Tally{ages: newDurations(), roundTrips: newDurations()} }

// Hooks returns the hooks of one node.
func (t *Tally) Hooks() Hooks {
	return Hooks{
		Role: func(from, to Role) {
			t.roles[from].Add(-1)
			t.roles[to].Add(1)
		},
		TookOver: func() { t.takeovers.Add(1) },
		Gap:      func() { t.gaps.Add(1) },
		Filled:   func(events int) { t.filled.Add(uint64(events)) },
		Alone:    func(d time.Duration) { t.alone.Add(int64(d)) },
		Aged:     t.ages.add,
		Answered: t.roundTrips.add,
		Unread: func(err error) {
			if !errors.Is(err, wire.ErrIncomplete) { // what has lost a piece is asked for again
				t.unread.Add(1)
			}
		},
	}
}

// Counts returns what was counted, without Connected.
func (t *Tally) Counts() Counts {
	return Counts{
		Joining: t.roles[Joining].Load(), Owned: t.roles[Owner].Load(), Followed: t.roles[Follower].Load(), Alone: t.roles[Alone].Load(),
		Takeovers: t.takeovers.Load(), Gaps: t.gaps.Load(), Filled: t.filled.Load(), Unread: t.unread.Load(), AloneFor: time.Duration(t.alone.Load()),
		Ages: t.ages.now(), RoundTrips: t.roundTrips.now(),
	}
}

// durations is a histogram that counts.
type durations struct {
	bounds  []time.Duration
	buckets []atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func newDurations() *durations {
	all := bounds()
	return &durations{bounds: all, buckets: make([]atomic.Uint64, len(all)+1)}
}

func (h *durations) add(d time.Duration) {
	i, _ := slices.BinarySearch(h.bounds, d) // a duration that is a bound belongs to its bucket
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *durations) now() Histogram {
	out := Histogram{Bounds: h.bounds, Buckets: make([]uint64, len(h.buckets)), Sum: time.Duration(h.sum.Load())}
	for i := range h.buckets {
		out.Buckets[i] = h.buckets[i].Load()
	}
	return out
}
