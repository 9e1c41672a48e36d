package serve

import (
	"context"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/limit"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// drain counts the streams that are open, and ends them in good order.
type drain struct {
	begun chan struct{} // closed when the drain begins

	admitted sync.WaitGroup // callers that were admitted and do not have their stream yet

	mu      sync.Mutex
	open    int           // streams
	stopped bool          // no more callers are admitted
	by      time.Time     // the time by which the last stream must have ended; zero before the drain begins
	empty   chan struct{} // closed when the drain has begun and no stream is open
	closed  bool          // empty is closed
}

func newDrain() *drain {
	return &drain{begun: make(chan struct{}), empty: make(chan struct{})}
}

// enter admits a caller and counts its stream as open. It returns an ending instead where most streams are open or the drain
// has begun. For each admitted caller, admitted.Done and leave must be called once.
func (d *drain) enter(most int) *ending.Ending {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.stopped || !d.by.IsZero():
		return ending.ShuttingDown()
	case most > 0 && d.open >= most:
		return ending.AtLimit(ending.Streams)
	}
	d.open++
	d.admitted.Add(1)
	return nil
}

// stopAdmitting admits no more callers, and waits until each admitted caller has its stream or has left.
func (d *drain) stopAdmitting() {
	d.mu.Lock()
	d.stopped = true
	d.mu.Unlock()
	d.admitted.Wait()
}

// leave counts a stream as closed.
func (d *drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.closeIfEmpty()
}

// begin starts the drain: all streams must end before by. Further calls do nothing.
func (d *drain) begin(by time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.by.IsZero() {
		return
	}
	d.by = by
	close(d.begun)
	d.closeIfEmpty()
}

// closeIfEmpty closes d.empty where the drain is complete. The caller holds d.mu.
func (d *drain) closeIfEmpty() {
	if d.open == 0 && !d.by.IsZero() && !d.closed {
		d.closed = true
		close(d.empty)
	}
}

// deadline returns the time by which the last stream must have ended.
func (d *drain) deadline() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by
}

// wait returns nil when the drain is complete, and the cause of ctx if ctx ends before that.
func (d *drain) wait(ctx context.Context) error {
	select {
	case <-d.empty:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// noRoomKey is the key of the mark that TurnAway sets.
type noRoomKey struct{}

// TurnAway returns a context whose requests get no stream, because too many connections are open.
func TurnAway(ctx context.Context) context.Context { return context.WithValue(ctx, noRoomKey{}, true) }

// enter admits a caller, unless a limit is reached, the program is full, or the bridge is shutting down. For each admitted
// caller, drain.admitted.Done and leave must be called once.
func (h *Handler) enter(rt *route.Route, req *request.Request) (claims, *ending.Ending) {
	if req.HTTP.Context().Value(noRoomKey{}) != nil {
		return nil, ending.AtLimit(ending.Connections)
	}
	server := h.server.Load()
	taken, end := h.gate.enter(server.limits, rt, req)
	if end != nil {
		return nil, end
	}
	if end = h.drain.enter(server.streams); end != nil {
		h.gate.leave(taken)
	}
	return taken, end
}

// leave counts the stream of an admitted caller as closed.
func (h *Handler) leave(taken claims) {
	h.gate.leave(taken)
	h.drain.leave()
}

// streamLimit returns how many streams may be open at once, 0 for no limit. Where configured is 0, the limit is four fifths of
// the file descriptors that the process may have. The other descriptors are for connections to upstreams, and for the answer to
// a browser that the bridge is full.
func streamLimit(configured int) int {
	if configured > 0 {
		return configured
	}
	return limit.Descriptors() / 5 * 4
}
