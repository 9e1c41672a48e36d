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

// NoSlotError says that every connection had as many streams as the server allows (MAX_CONCURRENT_STREAMS), for as long as the
// stream could wait. The server was not called.
type NoSlotError struct {
	// Waited is the time since Open was called.
	Waited time.Duration
	// Load holds the numbers of the client when the stream gave up.
	Load Load
}

// Error returns a message with the numbers and the settings that can be raised.
func (e *NoSlotError) Error() string {
	return fmt.Sprintf("expected a free stream, found none in %v: the server allows no more than the %d that are open "+
		"on %d connection(s); raise its MAX_CONCURRENT_STREAMS or max_connections",
		e.Waited.Round(time.Millisecond), e.Load.Open, e.Load.Connections)
}

// Is reports whether target is [ErrNoSlot].
func (e *NoSlotError) Is(target error) bool { return target == ErrNoSlot }

// GRPCStatus returns UNAVAILABLE: the caller is not at fault, and may try again.
func (e *NoSlotError) GRPCStatus() *status.Status { return status.New(codes.Unavailable, e.Error()) }

// waiter is a stream that waits for a place in [Client.Open]. One goroutine uses it. element is guarded by the mutex of the
// pool.
type waiter struct {
	pool     *pool
	began    time.Time
	deadline time.Time
	granted  chan place    // of capacity 1, so that grant never waits
	element  *list.Element // the waiter in the queue, nil while it is not there
	queued   bool          // the waiter is in the queue, or has a place in granted
	tried    bool          // the stream has tried a connection
	counted  bool          // OnWaiting was called for the stream
}

func (p *pool) newWaiter(began time.Time, tried bool) *waiter {
	return &waiter{pool: p, began: began, deadline: began.Add(p.start), granted: make(chan place, 1), tried: tried}
}

// next waits for a place. The error is a [*NoSlotError], or the context's as a gRPC status.
func (w *waiter) next(ctx context.Context) (place, error) {
	if err := w.join(); err != nil {
		w.leave()
		return place{}, err
	}
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

// join puts the stream into the queue, where finish has not done so already. It calls OnWaiting if the stream must wait. The error
// is a [*LimitError].
func (w *waiter) join() error {
	p := w.pool
	p.mu.Lock()
	defer p.unlock()
	if !w.queued {
		w.queue()
		p.grant()
	}
	waits := w.tried || w.element != nil
	w.tried = true
	if !waits {
		return nil
	}
	return w.admitWaiting()
}

// queue puts the stream into the queue in the order of the calls of Open. It searches from the front for a stream that has
// tried a connection before, and from the end for a new one.
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

// leave removes the stream from the queue. Where a place was granted at the same moment, leave gives that place back.
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
	p.noteIdle(at.connection)
	p.grant()
}

// end counts the stream as no longer waiting. It is called once, whether the stream got a place or not.
func (w *waiter) end() {
	p := w.pool
	p.mu.Lock()
	defer p.unlock()
	if !w.counted {
		return
	}
	p.waiting--
	if hook := p.hooks.OnWaited; hook != nil {
		waited := time.Since(w.began)
		p.calls = append(p.calls, func() { hook(waited) })
	}
}

// grant gives places to the streams in the queue, in their order. It must be called whenever there may be room, and when a
// probe is over.
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
