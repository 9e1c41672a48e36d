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
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/stack"
)

// queueBytes bounds the events that wait for the client of a private stream. A single event may be larger. With half of it, a
// stream at full rate costs more CPU time, because the reader and the loop wait for each other more often: see docs/performance.md.
const queueBytes = 128 << 10

// private is a caller's subscription to a stream of its own. The reader of the stream ends with the subscription.
type private struct {
	source   source.Source // held until Close
	queue    *pump.Queue
	response atomic.Pointer[metadata.MD] // the exposed response metadata; not nil once the upstream has accepted the stream
	cancel   context.CancelFunc
	// detach separates the stream from the context of the request. It is nil once that was done: it would keep the context, and with
	// it the connection of net/http, for as long as the stream. It is nil from the beginning where the connection is to be parked.
	detach atomic.Pointer[func() bool]
	// then is called when the reader has returned; &returned once it has.
	then    atomic.Pointer[func()]
	events  atomic.Bool    // the stream had events; set before the queue has the end of its reader
	resumed ending.Resumed // the reader changes it, so it may be read once the reader has returned
}

var _ Subscription = (*private)(nil)

// open starts the reader of a private stream on a goroutine. It does not wait for the upstream.
func (s *Streams) open(
	rt *route.Route, req *request.Request, form frame.Form, in bind.Input, first *route.Call, lost lostCursor,
) *private {
	ctx, p := s.newPrivate(req.HTTP.Context(), rt, form, req.Once())
	o := &owner{
		private: p, streams: s, rt: rt, form: form, format: req.Format, once: req.Once(), lost: lost,
		resumes: rt.Plan.Binder.UsesCursor(),
	}
	f := &feed{
		renderer: renderer{rt: rt, format: req.Format}, streams: s, source: rt.Plan.Source,
		once: o.once, reopens: o.reopens, first: first, span: req.Span,
	}
	p.resumed = resumedAtFirst(o.resumes && in.HasLastEventID, lost)
	if o.resumes { // otherwise the upstream is opened only once, and an idle stream keeps nothing of its request
		o.cursor, o.hasCursor = in.LastEventID, in.HasLastEventID
		f.again = newRebinding(rt, req.Head, in)
	}
	r := &reading.Reader{Upstream: f, Owner: o, Backoff: rt.Backoff()}
	s.readers.Go(func() {
		stack.Grow4KiB()        // what it takes to open an upstream stream
		defer p.readerReturns() // also where code of the program ends the goroutine
		end := o.conclude(ctx, f.guarded(ctx, r))
		p.events.Store(o.pushed)
		p.queue.End(end)
	})
	return p
}

// resumedAtFirst returns how a stream goes on after the caller's id, as long as the upstream does not refuse the id. sent says
// that the upstream is opened with the id.
func resumedAtFirst(sent bool, lost lostCursor) ending.Resumed {
	switch {
	case lost.id != "":
		return ending.ByReset(lost.reason)
	case sent:
		return ending.Resumed{From: ending.ResumedFromUpstream}
	}
	return ending.Resumed{}
}

// newPrivate returns a subscription, and the context of its stream. client is the context of the request. The stream's context
// ends with client, with the bridge, at the deadline of the route, and where all queues together hold too much. Where the connection is
// to be parked, it does not end with client: the subscription is closed where the client leaves before, see [Streams.AwaitFirstWord].
func (s *Streams) newPrivate(client context.Context, rt *route.Route, form frame.Form, once bool) (context.Context, *private) {
	ctx, cancel := s.contextFor(client, rt)
	p := &private{source: rt.Plan.Source}
	if !form.Chunked {
		detach := context.AfterFunc(client, cancel)
		p.detach.Store(&detach)
	}
	p.cancel = func() { p.separate(); cancel() }
	p.queue = pump.NewBoundQueue(queueBytes, pump.Bound{
		Budget: &s.queues, Behind: source.Window(rt.Plan.Source),
		Cut: func() pump.End {
			p.cancel()
			return rt.End(once, ending.AtLimit(ending.QueueBytes))
		},
	})
	p.queue.Left = p.cancel
	return ctx, p
}

// contextFor returns the context of a private stream. The context ends with the bridge, at the deadline of the route, and when
// its cancel function is called.
func (s *Streams) contextFor(client context.Context, rt *route.Route) (context.Context, context.CancelFunc) {
	ctx, cancel := s.contextWithValues(client, rt)
	timeout := rt.Config.Request.Timeout
	if timeout <= 0 {
		return ctx, cancel
	}
	ctx, stopTimer := context.WithTimeout(ctx, timeout)
	return ctx, func() { stopTimer(); cancel() }
}

// contextWithValues returns a context that ends with the bridge, and when its cancel function is called. The context has the
// values of client only where the source can use them: otherwise an idle stream would hold their memory for nothing.
func (s *Streams) contextWithValues(client context.Context, rt *route.Route) (context.Context, context.CancelFunc) {
	if !rt.Plan.Source.UsesContextValues() {
		return context.WithCancel(s.ctx)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(client))
	ignoreBridge := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { ignoreBridge(); cancel() }
}

// Cursor implements [Subscription].
func (p *private) Cursor() pump.Cursor { return p.queue }

// FirstWord implements [Subscription].
func (p *private) FirstWord() (spoken bool, end *ending.Ending) {
	if last := p.queue.Ended(); last != nil {
		if p.events.Load() {
			return true, nil
		}
		return true, last.Ending
	}
	return p.response.Load() != nil, nil
}

// Header implements [Subscription].
func (p *private) Header() metadata.MD {
	if md := p.response.Load(); md != nil {
		return *md
	}
	return nil
}

// Key implements [Subscription].
func (p *private) Key() string { return "" }

// Detach implements [Subscription]. It also drops the response metadata, since the header of the response is set by then.
func (p *private) Detach() {
	p.separate()
	if md := p.response.Load(); md != nil && len(*md) > 0 {
		p.response.Store(new(metadata.MD))
	}
}

// separate separates the stream from the context of the request.
func (p *private) separate() {
	if detach := p.detach.Swap(nil); detach != nil {
		(*detach)()
	}
}

// Resumed implements [Subscription].
func (p *private) Resumed() ending.Resumed { return p.resumed }

// Close implements [Subscription].
func (p *private) Close() {
	closed := make(chan struct{})
	p.Leave(func() { close(closed) })
	<-closed
}

// returned stands for a reader that has returned, see private.then.
var returned = func() {}

// Leave implements [Subscription]. Where the reader has not returned, its goroutine calls then, so no other one waits for it.
func (p *private) Leave(then func()) {
	p.cancel()
	release := func() {
		p.queue.Close()
		source.Release(p.source)
		then()
	}
	if !p.then.CompareAndSwap(nil, &release) {
		go release()
	}
}

// readerReturns calls the function that waits for the reader.
func (p *private) readerReturns() {
	if then := p.then.Swap(&returned); then != nil {
		(*then)()
	}
}
