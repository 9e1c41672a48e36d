package bridge

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// queueBytes bounds what waits for one client of a private stream, unless it is a single event.
const queueBytes = 64 << 10

// subscription is one caller's place on a stream. A private stream has one reader, which ends with it.
type subscription struct {
	queue  *pump.Queue
	header atomic.Pointer[metadata.MD] // response metadata; not nil once the upstream has accepted the stream
	cancel context.CancelFunc
	done   chan struct{} // closed when the reader has ended
	events bool          // whether there was an event before the end, readable once the queue has one
}

// attach binds the request message and opens the caller's stream. It does not wait for the upstream: the reader does, off the
// goroutine that writes.
func (b *Bridge) attach(w http.ResponseWriter, rt *route, c *caller, variables []string) (*subscription, *ending) {
	in, end := b.input(w, rt, c, variables)
	if end != nil {
		return nil, end
	}
	request, md, err := rt.bind(c, in)
	lost := c.lostOn(rt)
	if cursor := (*bind.CursorError)(nil); errors.As(err, &cursor) {
		lost, in.HasLastEventID = lostCursor{asSent(c.cursor), "invalid"}, false
		request, md, err = rt.bind(c, in)
	}
	if err != nil {
		return nil, unbound(err)
	}
	ctx, sub := b.newSubscription(c.r.Context(), rt.cfg.Request.Timeout)
	r := &reader{
		feed: feed{
			observer: b.observer,
			rt:       rt, format: c.format, queue: sub.queue, notice: &notice{queue: sub.queue, format: c.format},
			metadata: md, header: &sub.header, lost: lost, final: c.final(),
		},
		bridge: b,
		source: rt.plan.source,
		caller: c,
		in:     in,
	}
	go func() {
		defer close(sub.done)
		end := r.run(ctx, request)
		sub.events = r.pushed
		sub.queue.End(rt.last(c, end))
	}()
	return sub, nil
}

// bind returns the request message and the metadata of a call. A [*bind.CursorError] means that the cursor alone does not fit.
func (rt *route) bind(c *caller, in bind.Input) (request []byte, md metadata.MD, err error) {
	if request, err = rt.plan.binder.Bind(in); err != nil {
		return nil, nil, err
	}
	md, err = rt.outgoing(c, in)
	return request, md, err
}

// newSubscription returns a subscription whose stream ends with the request, with the bridge, or after timeout where that
// is not 0.
func (b *Bridge) newSubscription(ctx context.Context, timeout time.Duration) (context.Context, *subscription) {
	ctx, cancel := context.WithCancel(ctx)
	detach := context.AfterFunc(b.ctx, cancel)
	cancelAll := func() { detach(); cancel() }
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		cancelAll = func() { detach(); stop(); cancel() }
	}
	return ctx, &subscription{queue: pump.NewQueue(queueBytes), cancel: cancelAll, done: make(chan struct{})}
}

// opening waits for the stream's first word: an event, the upstream's acceptance, an end without events, or the end of
// wait. A drain ends the wait too: what is open is then ended in good order. It reports false where the client left
// first. The ending is not nil where it is all that the stream has.
func (s *subscription) opening(ctx context.Context, wait time.Duration, drain <-chan struct{}) (opened bool, end *ending) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	ready := make(chan struct{}, 1)
	defer s.queue.Watch(func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})()
	for s.silent() {
		select {
		case <-ctx.Done():
			return false, nil
		case <-timer.C:
			return true, nil
		case <-drain:
			return true, nil
		case <-ready: // which a reset, the bridge's own word, makes ready too
		}
	}
	if last := s.queue.Ended(); last != nil && !s.events {
		return true, endingOf(last)
	}
	return true, nil
}

// silent reports whether the upstream has not said anything yet.
func (s *subscription) silent() bool { return s.header.Load() == nil && s.queue.Ended() == nil }

// close ends the stream, and waits until its reader has ended.
func (s *subscription) close() {
	s.cancel()
	<-s.done
}
