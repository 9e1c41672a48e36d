package pump

import (
	"context"
	"errors"
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

	mu      sync.Mutex
	room    chan struct{} // wakes the producer; holds at most one value; nil until the producer waits for the first time
	notify  func()        // nil while the queue is not watched
	pending []byte        // pieces that wait
	events  int           // how many events are in pending
	first   time.Time     // when the first event in pending came
	taken   []byte        // the pieces that the consumer has; pending gets their memory afterwards
	held    int           // how many events are in taken
	oldest  time.Time     // when the first event in taken came
	scratch []byte        // memory of the producer
	passed  bool          // the consumer has passed taken
	idle    bool          // the consumer has asked for more, or has not begun, and nothing waited
	end     *End

	// Left is called by Abandon. It is set before the queue is used, and may be nil.
	Left func()

	bound   Bound
	counted int64     // the queue's part of the budget
	spare   int       // bytes of scratch
	blocked int       // bytes of the event for which Push waits, and of what waits behind it
	took    bool      // the consumer has taken something, and has asked for more
	since   time.Time // when the consumer was given what it has; zero where it was given nothing
	cut     *End      // the end of a queue that was cut; nil for any other
	cutAt   time.Time
	remind  *time.Timer // reminds the consumer of a queue that was cut
}

var _ Cursor = (*Queue)(nil)

// NewQueue returns a queue that holds up to limit bytes, or one piece of any size.
func NewQueue(limit int) *Queue {
	return &Queue{limit: limit, passed: true, idle: true}
}

// NewBoundQueue does the same as NewQueue, for a queue that takes part in a budget until Close.
func NewBoundQueue(limit int, bound Bound) *Queue {
	q := NewQueue(limit)
	q.bound = bound
	bound.Budget.add(q)
	return q
}

// Close ends the part of the queue in its budget. Neither the producer nor the consumer uses the queue any more.
func (q *Queue) Close() {
	if q.bound.Budget != nil {
		q.bound.Budget.remove(q)
	}
}

// Open tells the consumer that the upstream has accepted the stream, before there is an event.
func (q *Queue) Open() { q.tell() }

// errCut is the error of Push on a queue that was cut.
var errCut = errors.New("pump: the queue was cut, because all queues together hold too much")

// Push appends a copy of one event, in the form of the consumer's stream. It waits while the queue is full. Where ctx ends
// first, it returns the cause. Where the queue was cut, Push returns an error.
func (q *Queue) Push(ctx context.Context, form frame.Form, event []byte) error {
	if form.Encoding != frame.Identity { // not with the lock held
		q.scratch = frame.Form{Encoding: form.Encoding}.Append(q.scratch[:0], event)
		event, form = q.scratch, frame.Form{Chunked: form.Chunked}
		if cap(q.scratch) > 2*q.limit { // one large event must not keep its memory for the life of the stream
			q.scratch = nil
		}
	}
	var came time.Time // the zero time until it is needed
	for {
		placed, err := q.place(form, event, came)
		if placed || err != nil {
			return err
		}
		if came.IsZero() {
			came = time.Now()
		}
		select {
		case <-q.room: // no other goroutine sets the field
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// place appends an event if the queue has room for it. came is when the event came, the zero time for now.
func (q *Queue) place(form frame.Form, event []byte, came time.Time) (placed bool, err error) {
	q.mu.Lock()
	if q.cut != nil {
		q.mu.Unlock()
		return false, errCut
	}
	used := len(q.pending) + len(q.taken)
	q.spare, q.blocked = cap(q.scratch), 0
	if placed = used == 0 || used+len(event) <= q.limit; placed {
		q.pending = form.Append(q.pending, event)
		if q.events++; q.events == 1 {
			if q.first = came; came.IsZero() {
				q.first = time.Now()
			}
		}
	} else {
		if q.room == nil {
			q.room = make(chan struct{}, 1)
		}
		q.blocked = 2*len(event) + q.bound.Behind // the event, and the message that it was made from
	}
	exceeded := q.count()
	notify := q.notify
	q.mu.Unlock()
	if placed && notify != nil {
		notify()
	}
	if exceeded {
		q.bound.Budget.relieve()
	}
	return placed, nil
}

// count brings the queue's part of the budget up to date. It reports whether the budget is exceeded. The lock is held.
func (q *Queue) count() (exceeded bool) {
	b := q.bound.Budget
	if b == nil || q.cut != nil {
		return false
	}
	held := int64(cap(q.pending) + cap(q.taken) + q.spare + q.blocked)
	if held == q.counted {
		return false // no queue has grown, or another one has noticed it
	}
	grown := held > q.counted
	b.held.Add(held - q.counted)
	q.counted = held
	return grown && b.exceeded()
}

// release ends the queue's part of the budget.
func (q *Queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bound.Budget.held.Add(-q.counted)
	q.counted = 0
	if q.remind != nil {
		q.remind.Stop()
		q.remind = nil
	}
	q.bound.Budget = nil
}

// waitsSince returns since when something waits that the consumer does not ask for. Where the consumer was given nothing, that
// time is not known, and counts from the first call on: such a consumer is about to ask, unless it cannot write even a heartbeat.
// The same holds for a consumer that has not begun. Where nothing waits, the queue gives back its memory.
// took says that the consumer has taken something before.
func (q *Queue) waitsSince() (since time.Time, took, waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 && q.idle && q.blocked == 0 {
		q.giveBack()
		return time.Time{}, false, false
	}
	if q.since.IsZero() {
		q.since = time.Now()
	}
	return q.since, q.took, q.cut == nil && q.end == nil
}

// giveBack drops the memory of a queue in which nothing waits. The consumer has written all that it had. The lock is held.
func (q *Queue) giveBack() {
	q.pending, q.taken = nil, nil
	q.count()
}

// cutPatience is how long the consumer of a queue that was cut may go on with the pieces that it has.
const cutPatience = time.Second

// cutOff drops what waits, and ends the queue. What the consumer has stays until the consumer has passed it, or was cut off: see
// Overdue.
func (q *Queue) cutOff() {
	q.mu.Lock()
	if q.cut != nil || q.bound.Budget == nil {
		q.mu.Unlock()
		return
	}
	end := q.bound.Cut()
	if q.end == nil {
		q.end = &end
	}
	q.cut, q.cutAt = &end, time.Now()
	q.bound.Budget.held.Add(-q.counted)
	q.counted, q.pending, q.events = 0, nil, 0
	q.remind = time.AfterFunc(0, q.again)
	wake(q.room)
	q.mu.Unlock()
}

// again tells the consumer of a queue that was cut to look whether it must be cut off.
func (q *Queue) again() {
	q.tell()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.remind != nil {
		q.remind.Reset(OverduePatience)
	}
}

// Cut returns the end of a queue that was cut, nil for any other.
func (q *Queue) Cut() *End {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cut
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

// Interjected implements [Cursor]. A queue in which nothing waits gives back its memory: heartbeats come when a stream is idle.
func (q *Queue) Interjected() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 && q.idle {
		q.giveBack()
	}
}

// Overdue implements [Cursor]. It is false unless the queue was cut: the producer waits for a slow consumer.
func (q *Queue) Overdue(_ int, stalled bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cut != nil && (stalled || time.Since(q.cutAt) >= cutPatience)
}

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
		q.took = q.took || freed
		q.idle, q.since = q.passed, time.Time{}
		if !q.idle {
			q.since = time.Now()
		}
		q.count()
		q.oldest = q.first
	}
	if len(q.taken) > 0 {
		dst = append(dst, q.taken)
	}
	if len(q.pending) == 0 {
		end = q.end
	}
	if freed {
		wake(q.room)
	}
	q.mu.Unlock()
	return dst, end
}

// Abandon implements [Abandoned].
func (q *Queue) Abandon() {
	if q.Left != nil {
		q.Left()
	}
}

// Lag implements [Cursor].
func (q *Queue) Lag(time.Time) Lag {
	q.mu.Lock()
	defer q.mu.Unlock()
	lag := Lag{Behind: q.events}
	if q.held > 0 {
		lag.Received = q.oldest
	}
	return lag
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
