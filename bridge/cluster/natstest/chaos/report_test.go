package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts what happens. It may be used concurrently.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[what] += n
}

// silences has the longest time without an event, by what caused it.
type silences struct {
	mu      sync.Mutex
	longest map[string]*span
}

// span is the longest silence of clients at the bridge that a fault hit, and of those elsewhere.
type span struct{ there, elsewhere time.Duration }

// notable is how long a silence must be to be looked at.
const notable = 4 * time.Second / rate

// aftermath is how long after its end a fault still counts as the cause of a silence.
const aftermath = 500 * time.Millisecond

// silence notes that a client at a bridge heard nothing for a time. The cause is the fault that began nearest to its beginning.
func (r *run) silence(at *bridge, from, to time.Time) {
	if to.Sub(from) < notable {
		return
	}
	cause := "none"
	var nearest time.Duration
	there := false
	r.breaker.mu.Lock()
	for _, f := range slices.Backward(r.breaker.faults) {
		if f.began.After(to) || !f.ended.IsZero() && f.ended.Add(aftermath).Before(from) {
			continue
		}
		if d := f.began.Sub(from).Abs(); cause == "none" || d < nearest {
			cause, nearest, there = f.kind, d, f.bridge == at
		}
		if f.began.Before(from.Add(-time.Minute)) {
			break
		}
	}
	r.breaker.mu.Unlock()
	r.silences.mu.Lock()
	defer r.silences.mu.Unlock()
	s := r.silences.longest[cause]
	if s == nil {
		s = &span{}
		r.silences.longest[cause] = s
	}
	if there {
		s.there = max(s.there, to.Sub(from))
	} else {
		s.elsewhere = max(s.elsewhere, to.Sub(from))
	}
}

// table says what has happened.
func (r *run) table() string {
	var b strings.Builder
	counts := map[string]int{}
	r.breaker.mu.Lock()
	for _, f := range r.breaker.faults {
		counts[f.kind]++
	}
	r.breaker.mu.Unlock()
	r.silences.mu.Lock()
	defer r.silences.mu.Unlock()
	kinds := maps.Clone(counts)
	for kind := range r.silences.longest {
		kinds[kind]++
	}
	fmt.Fprintf(&b, "%-16s %6s %18s %18s\n", "fault", "count", "longest silence at", "… and elsewhere")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		s := r.silences.longest[kind]
		if s == nil {
			s = &span{}
		}
		fmt.Fprintf(&b, "%-16s %6d %18s %18s\n", kind, counts[kind], s.there.Round(time.Millisecond), s.elsewhere.Round(time.Millisecond))
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(r.tally.counts)) {
		fmt.Fprintf(&b, "%-34s %9d\n", what, r.tally.counts[what])
	}
	all, resumed := r.upstream.opened()
	fmt.Fprintf(&b, "%-34s %9d\n%-34s %9d\n", "upstream streams", all, "… with a cursor", resumed)
	for _, bridge := range r.bridges {
		_, starts := bridge.now()
		fmt.Fprintf(&b, "%s: %d starts, %d MiB of memory at most\n", bridge, starts, bridge.largest>>20)
	}
	fmt.Fprintf(&b, "settled after %s, no upstream stream after %s\n", r.settled, r.emptied)
	return b.String()
}
