package pump

import (
	"context"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// Queue hands finished pieces from the one goroutine that reads an upstream stream to the one that writes to the browser.
// It is bounded: what waits in it and what the writer has taken but not finished writing stay together under the limit, or
// are a single piece. A full queue makes Push wait, and through it the upstream: that is the back-pressure of a private stream.
//
// It is the [Cursor] of its only subscriber, and its own [Topic]. Push, Open and End belong to one goroutine, Peek and Advance
// to another.
type Queue struct {
	limit int
	room  chan struct{} // wakes the producer; holds at most one value

	mu      sync.Mutex
	notify  func() // nil while nobody watches
	pending []byte // pieces that wait
	events  int    // how many
	taken   []byte // what the consumer works on; its memory is the next pending
	held    int    // events in taken that the consumer has not passed yet
	scratch []byte // the producer's
	passed  bool   // whether it has
	end     *End
}

var _ Cursor = (*Queue)(nil)

// NewQueue returns a queue that holds up to limit bytes, or one piece of any size.
func NewQueue(limit int) *Queue {
	return &Queue{limit: limit, room: make(chan struct{}, 1), passed: true}
}

// Open tells the consumer that the stream is accepted although nothing is there to send yet.
func (q *Queue) Open() { q.tell() }

// Push appends a copy of one event, in the form that the queue's consumer is sent. It waits while the queue is full, and returns
// the context's error where that ends first.
func (q *Queue) Push(ctx context.Context, form frame.Form, event []byte) error {
	if form.Encoding != frame.Identity { // not with the lock held
		q.scratch = frame.Form{Encoding: form.Encoding}.Append(q.scratch[:0], event)
		event, form = q.scratch, frame.Form{Chunked: form.Chunked}
		if cap(q.scratch) > 2*q.limit { // one large event must not keep its memory for the life of the stream
			q.scratch = nil
		}
	}
	for {
		q.mu.Lock()
		if used := len(q.pending) + len(q.taken); used == 0 || used+len(event) <= q.limit {
			q.pending = form.Append(q.pending, event)
			q.events++
			notify := q.notify
			q.mu.Unlock()
			if notify != nil {
				notify()
			}
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

// Notice appends a piece that is no event, whatever the limit: there are few, they are short, and they come from whoever
// notices, while the producer waits. Unlike the other methods it may be called from any goroutine.
func (q *Queue) Notice(piece []byte) {
	q.mu.Lock()
	q.pending = append(q.pending, piece...)
	q.mu.Unlock()
	q.tell()
}

// End says that nothing follows but e. It never waits. Only the first call counts.
func (q *Queue) End(e End) {
	q.mu.Lock()
	if q.end == nil {
		q.end = &e
	}
	q.mu.Unlock()
	q.tell()
}

// Ended returns what End was called with, nil where it was not. What its caller wrote before is then visible.
func (q *Queue) Ended() *End {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end
}

// Watch implements [Topic], for one watcher at a time.
func (q *Queue) Watch(notify func()) (stop func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notify = notify
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.notify = nil
	}
}

func (q *Queue) tell() {
	q.mu.Lock()
	notify := q.notify
	q.mu.Unlock()
	if notify != nil {
		notify()
	}
}

// Topic implements [Cursor].
func (q *Queue) Topic() Topic { return q }

// Interjected implements [Cursor]: its pieces refer to nothing.
func (q *Queue) Interjected() {}

// Overdue implements [Cursor]: its producer waits for whoever is slow.
func (q *Queue) Overdue() bool { return false }

// Peek implements [Cursor]: all that waits is one piece.
func (q *Queue) Peek(dst [][]byte, _ int) (pieces [][]byte, end *End) {
	q.mu.Lock()
	freed := false
	if q.passed {
		freed = len(q.taken) > 0
		q.pending, q.taken = q.taken[:0], q.pending
		if cap(q.pending) > 2*q.limit { // one large event must not keep its memory for the life of the stream
			q.pending = nil
		}
		q.held, q.events, q.passed = q.events, 0, len(q.taken) == 0
	}
	if len(q.taken) > 0 {
		dst = append(dst, q.taken)
	}
	if len(q.pending) == 0 {
		end = q.end
	}
	q.mu.Unlock()
	if freed {
		wake(q.room)
	}
	return dst, end
}

// Advance implements [Cursor].
func (q *Queue) Advance(n int) (events int) {
	if n == 0 {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.passed = true
	return q.held
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
