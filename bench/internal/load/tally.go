package load

import (
	"context"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Tally is what a crowd has seen.
type Tally struct {
	// Since Start was last called:

	Events   uint64  `json:"events"`
	Bytes    uint64  `json:"bytes"` // of HTTP
	Comments uint64  `json:"comments"`
	Latency  Latency `json:"latency"` // from when an event was due until it was read

	// Since the beginning:

	Faults Faults `json:"faults"`
	// Resets is how often a browser was told, by grpc-reset, that it has missed something.
	Resets  uint64 `json:"resets"`
	Notices uint64 `json:"notices"` // other events of the bridge itself
	Strange uint64 `json:"strange"` // events that are none of ours
	// Cut is how many of those that stall the server has cut off by a reset, all that one of them can be seen to be told.
	Cut int `json:"cut"`
	// Ended is how many other connections the server has ended, or broken; Reason is how the first of them did.
	Ended  int    `json:"ended"`
	Reason string `json:"reason"`

	// Life is what browsers that come back have been through.
	Life Life `json:"life"`

	// Now:

	Connected int `json:"connected"` // who have their response, the stalled ones included
	Stalled   int `json:"stalled"`
	// Met is how many have got at least one event.
	Met int `json:"met"`
}

// Latency is how late events were.
type Latency struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// The histogram has three digits between a microsecond and ten minutes; what is outside is counted as its bounds.
const (
	shortest = int64(time.Microsecond)
	longest  = int64(10 * time.Minute)
)

// tally is what Tally is made of.
type tally struct {
	events, bytes, comments uint64
	latency                 *hdrhistogram.Histogram

	faults                   Faults
	resets, notices, strange uint64
	cut, ended               int
	reason                   string
	life                     Life

	connected, stalled, met int
}

func newTally() tally {
	return tally{latency: hdrhistogram.New(shortest, longest, 3)}
}

func (t *tally) event(late int64) {
	t.events++
	_ = t.latency.RecordValue(min(max(late, shortest), longest)) // within its bounds
}

func (t *tally) lost(reason error) {
	if t.ended++; t.ended == 1 {
		t.reason = reason.Error()
	}
}

// Start begins to count again what is counted since then.
func (c *Crowd) Start(ctx context.Context) error {
	return c.do(ctx, c.tally.start)
}

func (t *tally) start() {
	t.events, t.bytes, t.comments = 0, 0, 0
	t.latency.Reset()
}

// Tally returns what has been counted.
func (c *Crowd) Tally(ctx context.Context) (seen Tally, err error) {
	err = c.do(ctx, func() { seen = c.tally.sum() })
	return seen, err
}

// sum returns what has been counted.
func (t *tally) sum() Tally {
	seen := Tally{
		Events: t.events, Bytes: t.bytes, Comments: t.comments,
		Faults: t.faults, Resets: t.resets, Notices: t.notices, Strange: t.strange, Cut: t.cut, Ended: t.ended, Reason: t.reason,
		Life:      t.life.clone(),
		Connected: t.connected, Stalled: t.stalled, Met: t.met,
	}
	if t.events > 0 {
		seen.Latency = Latency{
			P50: time.Duration(t.latency.ValueAtQuantile(50)), P99: time.Duration(t.latency.ValueAtQuantile(99)),
			Max: time.Duration(t.latency.Max()),
		}
	}
	return seen
}
