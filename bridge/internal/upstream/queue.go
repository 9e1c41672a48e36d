package upstream

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrNoSlot is what [errors.Is] finds in a [*NoSlotError].
var ErrNoSlot = errors.New("no free stream")

// NoSlotError says that the server had as many streams as its MAX_CONCURRENT_STREAMS allows on every connection, for as
// long as a stream may wait. The server knows nothing of it.
type NoSlotError struct {
	// Waited is the time since Open was called.
	Waited time.Duration
	// Load is what the client carried when it gave up.
	Load Load
}

// Error names the numbers, and what can be raised.
func (e *NoSlotError) Error() string {
	return fmt.Sprintf("expected a free stream, found none in %v: the server allows no more than the %d that are open on %d connection(s); "+
		"raise its MAX_CONCURRENT_STREAMS or max_connections", e.Waited.Round(time.Millisecond), e.Load.Open, e.Load.Connections)
}

// Is makes it an [ErrNoSlot].
func (e *NoSlotError) Is(target error) bool { return target == ErrNoSlot }

// GRPCStatus makes it an UNAVAILABLE: it is no fault of who asked, and may pass.
func (e *NoSlotError) GRPCStatus() *status.Status { return status.New(codes.Unavailable, e.Error()) }

// waiter is a stream that looks for a place, for as long as its Open runs. One goroutine uses it; element belongs to
// the pool's mutex.
type waiter struct {
	pool     *pool
	began    time.Time
	deadline time.Time
	granted  chan place    // of capacity 1, so that who grants never waits
	element  *list.Element // in the queue, nil while not in it
	queued   bool          // it is in the queue, or a place is on its way
	tried    bool          // it has waited on a connection
	told     bool          // OnWaiting was told of it
}

func (p *pool) newWaiter(began time.Time, tried bool) *waiter {
	return &waiter{pool: p, began: began, deadline: began.Add(p.start), granted: make(chan place, 1), tried: tried}
}

// next waits for a place. The error is a [*NoSlotError], or the context's as a gRPC status.
func (w *waiter) next(ctx context.Context) (place, error) {
	w.join()
	left := time.Until(w.deadline)
	if left <= 0 {
		w.leave()
		return place{}, w.noSlot()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case at := <-w.granted:
		w.queued = false
		return at, nil
	case <-ctx.Done():
		w.leave()
		return place{}, status.FromContextError(ctx.Err()).Err()
	case <-timer.C:
		w.leave()
		return place{}, w.noSlot()
	}
}

func (w *waiter) noSlot() error {
	return &NoSlotError{Waited: time.Since(w.began), Load: w.pool.load()}
}

// join queues, where settle has not done so already, and tells of it if the stream waits.
func (w *waiter) join() {
	p := w.pool
	p.mu.Lock()
	defer p.unlock()
	if !w.queued {
		w.queue()
		p.grant()
	}
	if (w.tried || w.element != nil) && !w.told {
		w.told = true
		p.waiting++
		p.tell(p.observe.OnWaiting, p.waiting)
	}
	w.tried = true
}

// queue puts the stream into the queue, by the time at which it came. One that was at the front before looks for its
// place from there, a new one from the end.
func (w *waiter) queue() {
	w.queued = true
	q := &w.pool.queue
	if w.tried {
		next := q.Front()
		for next != nil && !next.Value.(*waiter).began.After(w.began) {
			next = next.Next()
		}
		if next != nil {
			w.element = q.InsertBefore(w, next)
			return
		}
		w.element = q.PushBack(w)
		return
	}
	last := q.Back()
	for last != nil && last.Value.(*waiter).began.After(w.began) {
		last = last.Prev()
	}
	if last != nil {
		w.element = q.InsertAfter(w, last)
		return
	}
	w.element = q.PushFront(w)
}

// leave gives up the place in the queue, or the place that was granted at the same moment.
func (w *waiter) leave() {
	p := w.pool
	p.mu.Lock()
	defer p.unlock()
	w.queued = false
	if w.element != nil {
		p.queue.Remove(w.element)
		w.element = nil
		return
	}
	at := <-w.granted
	at.pending--
	if at.probe {
		p.probing = false
	}
	p.rest(at.connection)
	p.grant()
}

// end is the end of the search, whatever came of it.
func (w *waiter) end() {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	if w.told {
		w.pool.waiting--
	}
}

// grant gives places to those who wait, in their order. It is called whenever there may be room, and has to be called
// when a probe is over.
func (p *pool) grant() {
	for p.queue.Len() > 0 {
		at := place{connection: p.room()}
		if at.connection == nil {
			at.connection = p.grow()
		}
		if at.connection == nil {
			if p.probing {
				return
			}
			at = place{connection: p.connections[p.probe%len(p.connections)], probe: true}
			p.probing = true
		}
		w := p.queue.Remove(p.queue.Front()).(*waiter)
		w.element = nil
		at.waiter, at.deadline = w, w.deadline
		at.pending++
		w.granted <- at
	}
}
