package pump

import (
	"context"
	"sync"
)

// Queue hands finished frames from the one goroutine that reads an upstream stream to the one that writes to the browser.
// It is bounded: what waits in it and what the writer has taken but not finished writing stay together under the limit, or
// are a single frame. A full queue makes Push wait, and through it the upstream: that is the back-pressure of a private stream.
//
// Push, Open and End belong to one goroutine, Ready and Take to another.
type Queue struct {
	limit int
	ready chan struct{} // wakes the consumer; holds at most one value
	room  chan struct{} // wakes the producer; holds at most one value

	mu      sync.Mutex
	pending []byte // frames that wait
	events  int    // how many
	taken   []byte // what the consumer works on; its memory is the next pending
	end     *End
}

// NewQueue returns a queue that holds up to limit bytes, or one frame of any size.
func NewQueue(limit int) *Queue {
	return &Queue{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// Open tells the consumer that the stream is accepted although nothing is there to send yet.
func (q *Queue) Open() { wake(q.ready) }

// Push appends a copy of one frame. It waits while the queue is full, and returns the context's error where that ends first.
func (q *Queue) Push(ctx context.Context, frame []byte) error {
	for {
		q.mu.Lock()
		if held := len(q.pending) + len(q.taken); held == 0 || held+len(frame) <= q.limit {
			q.pending = append(q.pending, frame...)
			q.events++
			q.mu.Unlock()
			wake(q.ready)
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Notice appends a frame that is no event, whatever the limit: there are few, they are short, and they come from whoever
// notices, while the producer waits. Unlike the other methods it may be called from any goroutine.
func (q *Queue) Notice(frame []byte) {
	q.mu.Lock()
	q.pending = append(q.pending, frame...)
	q.mu.Unlock()
	wake(q.ready)
}

// End says that nothing follows but e. It never waits. Only the first call counts.
func (q *Queue) End(e End) {
	q.mu.Lock()
	if q.end == nil {
		q.end = &e
	}
	q.mu.Unlock()
	wake(q.ready)
}

// Ended reports whether End was called. What its caller wrote before is then visible.
func (q *Queue) Ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end != nil
}

// Ready holds a value when Take may have something new to return.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// Take returns all that waits. What it returned before is thereby given back: its bytes may be overwritten from now on, and
// its room may be filled. So a consumer calls it until it returns nothing before it waits for Ready.
func (q *Queue) Take() Batch {
	q.mu.Lock()
	q.pending, q.taken = q.taken[:0], q.pending
	if cap(q.pending) > 2*q.limit { // one large frame must not keep its memory for the life of the stream
		q.pending = nil
	}
	b := Batch{Frames: q.taken, Events: q.events, End: q.end}
	q.events = 0
	q.mu.Unlock()
	wake(q.room)
	return b
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
