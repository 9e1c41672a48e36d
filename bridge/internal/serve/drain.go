package serve

import (
	"context"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// drain counts the streams that are open, and ends them in good order.
type drain struct {
	begun chan struct{} // closed when the drain begins

	arriving sync.WaitGroup // callers that were counted in, and whose streams are not served yet

	mu     sync.Mutex
	open   int
	shut   bool          // nobody is counted in any more
	by     time.Time     // when the last stream is to have ended
	empty  chan struct{} // closed when the drain has begun and no stream is open
	closed bool          // whether empty is
}

func newDrain() *drain {
	return &drain{begun: make(chan struct{}), empty: make(chan struct{})}
}

// enter counts a stream in, unless limit streams are open or the drain has begun: the ending says so. Whoever is counted in is
// done with arriving once, and leaves once.
func (d *drain) enter(limit int) *ending.Ending {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.shut || !d.by.IsZero():
		return ending.ShuttingDown()
	case limit > 0 && d.open >= limit:
		return ending.Refuse(ending.ResourceExhausted, ending.ByLimit, "too many streams are open")
	}
	d.open++
	d.arriving.Add(1)
	return nil
}

// shutOut counts nobody in any more, and waits until all who were are served or have left.
func (d *drain) shutOut() {
	d.mu.Lock()
	d.shut = true
	d.mu.Unlock()
	d.arriving.Wait()
}

func (d *drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.settle()
}

// begin starts the drain. Streams end before by; a second call changes nothing.
func (d *drain) begin(by time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.by.IsZero() {
		return
	}
	d.by = by
	close(d.begun)
	d.settle()
}

// settle is called with the lock held.
func (d *drain) settle() {
	if d.open == 0 && !d.by.IsZero() && !d.closed {
		d.closed = true
		close(d.empty)
	}
}

func (d *drain) deadline() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by
}

// wait returns when no stream is open any more, or with the context's error.
func (d *drain) wait(ctx context.Context) error {
	select {
	case <-d.empty:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// enter counts a caller in, unless the bridge is full or shutting down.
func (h *Handler) enter() *ending.Ending { return h.drain.enter(h.limit) }

// streamLimit is how many streams may be open at once: configured, or else four fifths of the descriptors that the process
// may have, so that there are some left to talk to the upstreams, and to tell a browser that the bridge is full. 0 is no limit.
func streamLimit(configured int) int {
	if configured > 0 {
		return configured
	}
	return descriptors() / 5 * 4
}
