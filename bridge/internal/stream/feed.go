package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// feed opens the upstream streams behind one stream, one after the other, and turns their messages into events. It implements
// [reading.Upstream] for private and for shared streams. One goroutine uses it.
type feed struct {
	renderer
	streams *Streams
	source  source.Source

	span    *tracing.Span    // of the caller who opened the stream
	opening *tracing.Opening // of the newest attempt of a shared stream

	shared bool // the stream is shared: the request is that of the caller who opened it
	once   bool // the request may have had an effect, so no client may repeat it by itself
	// reopens reports whether the upstream may be opened again after an end.
	reopens func(end *ending.Ending) bool

	first *route.Call // the call of the first attempt; nil afterwards. On a shared stream, the call has no cursor.
	again *rebinding  // of further attempts; nil for a stream that has none

	// The state of the newest attempt.
	sink     reading.Sink
	accepted bool // the upstream has accepted the stream
	events   int  // how many events the attempt has brought

	outage outage
}

// Run implements [reading.Upstream].
func (f *feed) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) (result reading.Result) {
	defer func() {
		if p := recover(); p != nil {
			result = reading.Result{Fate: reading.Over, End: f.last(f.recovered(p, debug.Stack()))}
		}
	}()
	f.sink, f.accepted, f.events = sink, false, 0
	c, err := f.bind(a)
	if err != nil {
		fate := reading.Over
		if a.HasCursor {
			fate = reading.Refused
		}
		return reading.Result{Fate: fate, End: f.last(unbound(err))}
	}
	callCtx, stop := f.withDeadline(ctx)
	defer stop()
	end := f.stream(callCtx, a, c)
	f.streams.observer.UpstreamEnded(f.rt.Config.Name, f.shared, end.Code)
	f.opening.End(end.Code) // unless the upstream has accepted the stream before
	if !a.CatchingUp {      // the end of a catch-up says nothing about the route
		f.reportEnd(end) // before the verdict, which may replace the ending by one for the clients
		if f.concernsHealth(callCtx, a, end) {
			f.updateHealth(end)
		}
	}
	return f.verdict(ctx, a, end)
}

// withDeadline returns the context of one upstream stream of a shared stream, with the deadline of the route. The context of a
// private stream has that deadline already.
func (f *feed) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := f.rt.Config.Request.Timeout
	if !f.shared || timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// last renders an ending as the last event of the stream's clients.
func (f *feed) last(end *ending.Ending) pump.End { return f.rt.End(f.once, end) }

// bind returns the call of an attempt.
func (f *feed) bind(a reading.Attempt) (*route.Call, error) {
	first := f.first
	f.first = nil // an idle stream must keep nothing of its request
	if first != nil && (!f.shared || !a.HasCursor) {
		return first, nil
	}
	in := f.again.in
	in.LastEventID, in.HasLastEventID = a.Cursor, a.HasCursor
	return f.rt.Bind(f.again.head, in)
}

// rebinding is what further attempts bind their call from. The cursor in in is replaced. Most idle streams have only one attempt, and
// keep none of this.
type rebinding struct {
	head request.Head
	in   bind.Input
}

// newRebinding returns what is kept of a request for further attempts.
func newRebinding(rt *route.Route, head request.Head, in bind.Input) *rebinding {
	r := &rebinding{head: head.Keep(route.HeadersRead(rt.Config), route.ClaimsRead(rt.Config)), in: in}
	r.in.Reference = r.head.Reference
	return r
}

// stream opens an upstream stream, and passes its events to the sink until the upstream stream ends. The ending is for clients.
func (f *feed) stream(ctx context.Context, a reading.Attempt, c *route.Call) *ending.Ending {
	stream, err := f.open(ctx, a, c)
	if err != nil {
		f.logStatus(ctx, source.StatusOf(err))
		return notOpened(f.rt, err)
	}
	defer stream.Close()
	f.rt.Health.Upstreams.Add(1)
	defer f.rt.Health.Upstreams.Add(-1)
	f.sink.Opened()
	f.opening.Sent(max(f.rt.Config.OpenWait, openingPatience))
	if header, ok := stream.Header(); ok {
		if !a.CatchingUp {
			f.rt.Health.Opened()
			f.reportBack()
		}
		f.accept(header)
	}
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return upstreamEnded(f.rt, status.New(codes.OK, ""))
		case errors.Is(err, source.ErrMessageTooLarge):
			return unreadable(err)
		case err != nil:
			f.logStatus(ctx, source.StatusOf(err))
			return upstreamEnded(f.rt, source.StatusOf(err))
		}
		err = f.render(ctx, message)
		f.reportUnknownTypes()
		switch {
		case err != nil && ctx.Err() != nil:
			return upstreamEnded(f.rt, source.StatusOf(ctx.Err()))
		case err != nil:
			return unreadable(err)
		}
		if err := f.sink.Event(ctx, &f.event); err != nil {
			return upstreamEnded(f.rt, source.StatusOf(err))
		}
		f.events++
		f.shrink()
	}
}

// open calls the upstream. A catch-up does not wait for a slot: the slots are for the streams that clients have asked for.
func (f *feed) open(ctx context.Context, a reading.Attempt, c *route.Call) (source.Stream, error) {
	if a.CatchingUp {
		ctx = upstream.WithoutQueue(ctx)
	}
	ctx, md := f.trace(ctx, a, c.Metadata)
	return f.source.Open(ctx, f.rt.Plan.Method, c.Request, md)
}

// trace returns the context and the metadata of a call with the trace to which it belongs. A private stream belongs to the
// trace of its caller. The opening of a shared stream begins a trace of its own.
func (f *feed) trace(ctx context.Context, a reading.Attempt, md metadata.MD) (context.Context, metadata.MD) {
	if f.span == nil {
		return ctx, md
	}
	if !f.shared {
		return f.within(ctx, f.span.Within), f.span.Inject(md)
	}
	f.opening = f.span.Open(a.Reopening)
	return f.within(ctx, f.opening.Within), f.opening.Inject(md)
}

// within puts the trace of a call into its context, where code of this process reads it.
func (f *feed) within(ctx context.Context, put func(context.Context) context.Context) context.Context {
	if !f.source.UsesContextValues() {
		return ctx
	}
	return put(ctx)
}

// openingPatience is how long the span of the opening of a shared stream waits for the upstream's first word, unless open_wait
// is longer.
const openingPatience = time.Second

// accept tells the sink that the upstream has accepted the stream.
func (f *feed) accept(header metadata.MD) {
	f.accepted = true
	f.opening.End(ending.OK)
	f.sink.Accepted(reading.Header(f.rt.Exposed(header)))
}

// guarded runs the reader of a private stream. A panic of the program's code, such as an [Observer], ends only this stream.
func (f *feed) guarded(ctx context.Context, r *reading.Reader) (end pump.End) {
	defer func() {
		if p := recover(); p != nil {
			end = f.last(f.recovered(p, debug.Stack()))
		}
	}()
	return r.Run(ctx)
}

// reportEnd logs why the bridge ended a stream. Clients learn only that the stream ended.
func (f *feed) reportEnd(end *ending.Ending) {
	if end.Cause != nil {
		f.streams.faults.report(faultOf(f.rt, endedByTheBridge, end.Code), episode{},
			"reason", end.Reason, "error", withoutValues(end.Cause))
	}
}

// maxLoggedMessage bounds how many bytes of an upstream's status message are logged.
const maxLoggedMessage = 1 << 10

// logStatus logs the status of an upstream with its message, at Debug: the message may contain what is not meant for every log.
func (f *feed) logStatus(ctx context.Context, st *status.Status) {
	if ctx.Err() == nil {
		f.streams.log.Debug("an upstream stream ended", "route", f.rt.Config.Name, "rpc", f.rt.Plan.Method,
			"code", ending.CodeOf(uint32(st.Code())).String(), "message", st.Message()[:min(len(st.Message()), maxLoggedMessage)])
	}
}

// withoutValues returns an error that says what is wrong with a message and where, without the values in the message: logs hold
// no message values.
func withoutValues(err error) error {
	bad := (*transcode.Error)(nil)
	if !errors.As(err, &bad) {
		return err
	}
	bare := *bad
	bare.Detail = ""
	return &bare
}

// recovered logs a panic while a message was read, and returns the ending of the stream. Other streams go on.
func (f *feed) recovered(p any, stack []byte) *ending.Ending {
	end := unreadable(nil) // a client that reconnects would receive the same message again
	f.streams.faults.report(faultOf(f.rt, readerPanicked, end.Code), episode{}, "panic", panicText(p), "stack", string(stack))
	return end
}

// panicText describes a panic without message values. Only the text of a runtime error is known to have none.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("of type %T", p)
}

// reportUnknownTypes reports the types in the last message that no schema has. It calls the observer each time, and logs each
// name once.
func (f *feed) reportUnknownTypes() {
	for _, u := range f.rt.Plan.Unknown.Take() {
		f.streams.observer.TypeUnknown(f.rt.Config.Name, u.Name)
		if u.First {
			f.streams.log.Warn("a message holds a type that no schema has: it is sent as its bytes", "route", f.rt.Config.Name,
				"rpc", f.rt.Plan.Method, "type", u.Name)
		}
	}
}
