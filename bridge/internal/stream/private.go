package stream

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// queueBytes bounds what waits for one client of a private stream, unless it is a single event.
const queueBytes = 64 << 10

// private is a caller's place on a stream of its own, whose reader ends with it.
type private struct {
	queue    *pump.Queue
	response atomic.Pointer[metadata.MD] // metadata; not nil once the upstream has accepted the stream
	cancel   context.CancelFunc
	detach   func() bool   // lets go of the request's context
	done     chan struct{} // closed when the reader has ended
	events   bool          // whether there was an event before the end, readable once the queue has one
}

var _ Subscription = (*private)(nil)

// open starts the reader of a stream for one caller. It does not wait for the upstream: the reader does, on a goroutine other than
// the one that writes.
func (s *Streams) open(
	rt *route.Route, req *request.Request, form frame.Form, in bind.Input, first *route.Call, lost lostCursor,
) *private {
	ctx, p := s.newPrivate(req.HTTP.Context(), rt)
	o := &owner{
		private: p, streams: s, rt: rt, form: form, format: req.Format, final: req.Final(), lost: lost,
		resumes: rt.Plan.Binder.UsesCursor(),
	}
	f := &feed{
		renderer: renderer{rt: rt, format: req.Format}, streams: s, source: rt.Plan.Source,
		final: o.final, reopens: o.reopens, first: first,
	}
	if o.resumes { // otherwise no stream is opened again, and an idle one keeps nothing of its request
		o.cursor, o.hasCursor = in.LastEventID, in.HasLastEventID
		f.head, f.in = req.Head.Keep(route.HeadersRead(rt.Config)), in
		f.in.Reference = f.head.Reference
	}
	r := &reading.Reader{Upstream: f, Owner: o, Backoff: rt.Backoff()}
	s.readers.Go(func() {
		defer close(p.done)
		end := o.conclude(ctx, f.guarded(ctx, r))
		p.events = o.pushed
		p.queue.End(end)
	})
	return p
}

// newPrivate returns a place on a stream of the route, and the stream's context, which ends with client, with the bridge, or
// at the route's deadline. client is the context of the request. The stream's context has the values of client where the source
// can use them. Elsewhere an idle stream would keep them for nothing.
func (s *Streams) newPrivate(client context.Context, rt *route.Route) (context.Context, *private) {
	ctx, stop := s.ctx, func() bool { return true }
	var cancel, expire context.CancelFunc
	if rt.Plan.Source.UsesContextValues() {
		ctx, cancel = context.WithCancel(context.WithoutCancel(client))
		stop = context.AfterFunc(s.ctx, cancel)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	expire = cancel
	if timeout := rt.Config.Request.Timeout; timeout > 0 {
		ctx, expire = context.WithTimeout(ctx, timeout)
	}
	p := &private{
		queue:  pump.NewQueue(queueBytes),
		detach: context.AfterFunc(client, cancel),
		done:   make(chan struct{}),
	}
	p.cancel = func() { stop(); p.detach(); expire(); cancel() }
	return ctx, p
}

func (p *private) Cursor() pump.Cursor { return p.queue }

func (p *private) FirstWord() (spoken bool, end *ending.Ending) {
	if last := p.queue.Ended(); last != nil {
		if p.events {
			return true, nil
		}
		return true, last.Ending
	}
	return p.response.Load() != nil, nil
}

func (p *private) Header() metadata.MD {
	if md := p.response.Load(); md != nil {
		return *md
	}
	return nil
}

// Detach is part of subscription.
func (p *private) Detach() { p.detach() }

// Close ends the stream, and waits until its reader has ended.
func (p *private) Close() {
	p.cancel()
	<-p.done
}
