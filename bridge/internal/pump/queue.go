package pump

import (
	"context"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// Queue hands finished pieces from the goroutine that reads an upstream stream to the goroutine that writes to the browser. A
// queue is bounded: the pieces that wait, and those that the writer has not finished writing, take at most the limit together,
// or are a single piece. A full queue makes Push wait, and so stops the reading of the upstream. This is the back-pressure of a
// private stream.
//
// A queue is the [Cursor] of its only subscriber, and its own [Topic]. One goroutine calls Push, Open and End, another one
// calls Peek and Advance.
type Queue struct {
	limit int
	room  chan struct{} // wakes the producer; holds at most one value

	mu      sync.Mutex
	notify  func() // nil while the queue is not watched
	pending []byte // pieces that wait
	events  int    // how many events are in pending
	taken   []byte // the pieces that the consumer has; pending gets their memory afterwards
	held    int    // how many events are in taken
	scratch []byte // memory of the producer
	passed  bool   // the consumer has passed taken
	end     *End
}

var _ Cursor = (*Queue)(nil)

// NewQueue returns a queue that holds up to limit bytes, or one piece of any size.
func NewQueue(limit int) *Queue {
	return &Queue{limit: limit, room: make(chan struct{}, 1), passed: true}
}

// Open tells the consumer that the upstream has accepted the stream, before there is an event.
func (q *Queue) Open() { q.tell() }

// Push appends a copy of one event, in the form of the consumer's stream. It waits while the queue is full. Where ctx ends
// first, it returns the cause.
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

// Notice appends a piece that is not an event. It ignores the limit: notices are short and few. It may be called from any
// goroutine, also while Push waits.
func (q *Queue) Notice(piece []byte) {
	q.mu.Lock()
	q.pending = append(q.pending, piece...)
	q.mu.Unlock()
	q.tell()
}

// End ends the queue with e. It never waits. Only the first call counts.
func (q *Queue) End(e End) {
	q.mu.Lock()
	if q.end == nil {
		q.end = &e
	}
	q.mu.Unlock()
	q.tell()
}

// Ended returns the end that End was called with, or nil. What the caller of End wrote to memory before that call is then
// visible to the caller of Ended.
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

// Interjected implements [Cursor]. It does nothing: a queue's pieces do not refer to each other.
func (q *Queue) Interjected() {}

// Overdue implements [Cursor]. It is always false: the producer waits for a slow consumer.
func (q *Queue) Overdue(int, bool) bool { return false }

// Retry implements [Cursor]. It returns given: what a client misses between two private streams does not depend on how soon it
// comes back.
func (q *Queue) Retry(given time.Duration) time.Duration { return given }

// Peek implements [Cursor]. Everything that waits is one piece.
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
