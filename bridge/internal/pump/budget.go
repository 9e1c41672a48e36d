package pump

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Budget bounds the memory of many queues together. Above the bound, queues are cut: they drop what waits, and end. First are those
// whose consumers have taken nothing yet, then those whose consumers have taken nothing for the longest time. Its methods may be called concurrently. The zero Budget has no bound.
type Budget struct {
	limit atomic.Int64 // 0 is no bound
	held  atomic.Int64 // bytes of all queues, without those that were cut

	mu     sync.Mutex // taken before the lock of a queue
	queues map[*Queue]struct{}
}

// SetLimit replaces the bound, in bytes; 0 is none. A lower bound counts when a queue grows.
func (b *Budget) SetLimit(bytes int64) { b.limit.Store(bytes) }

// Held returns how many bytes the queues hold that were not cut.
func (b *Budget) Held() int64 { return b.held.Load() }

// Bound is how a queue takes part in a [Budget].
type Bound struct {
	Budget *Budget
	// Behind is how many bytes the source of the queue may hold for a producer that waits.
	Behind int
	// Cut is called once, when the queue is cut, with locks held: it must neither wait nor call the queue or the budget. It stops
	// the producer, and returns the end for the consumer.
	Cut func() End
}

// add counts a queue from now on.
func (b *Budget) add(q *Queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queues == nil {
		b.queues = make(map[*Queue]struct{})
	}
	b.queues[q] = struct{}{}
}

// remove ends what add began.
func (b *Budget) remove(q *Queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.queues, q)
	q.release()
}

// exceeded reports whether the queues hold more than they may.
func (b *Budget) exceeded() bool {
	limit := b.limit.Load()
	return limit > 0 && b.held.Load() > limit
}

// relieve brings the queues back under the bound, and a sixteenth below, so that the next queue that grows does not exceed the
// bound at once. First the queues in which nothing waits give back their spare memory. No lock of a queue may be held.
func (b *Budget) relieve() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.exceeded() {
		return
	}
	enough := b.limit.Load() * 15 / 16
	type waiting struct {
		queue *Queue
		since time.Time
		took  bool
	}
	var all []waiting
	for q := range b.queues {
		if since, took, waits := q.waitsSince(); waits {
			all = append(all, waiting{q, since, took})
		}
	}
	if !b.exceeded() {
		return
	}
	slices.SortFunc(all, func(x, y waiting) int {
		if x.took != y.took { // many that come together and take nothing must not push out a consumer that takes
			if y.took {
				return -1
			}
			return 1
		}
		return x.since.Compare(y.since)
	})
	for _, w := range all {
		if b.held.Load() <= enough {
			return
		}
		w.queue.cutOff()
	}
}
