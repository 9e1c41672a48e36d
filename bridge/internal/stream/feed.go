package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

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
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// feed opens the upstream streams of one stream, one after the other, and turns their messages into events. It is the
// [reading.Upstream] of private and of shared streams. One goroutine uses it.
type feed struct {
	renderer
	streams *Streams
	source  source.Source

	shared bool // many share the stream: the request is that of the caller who opened it
	final  bool // the request may have had an effect: no client is told to come back
	// reopens reports whether the upstream may be opened again after an end.
	reopens func(end *ending.Ending) bool

	first *route.Call  // what the first attempt sends; nil afterwards
	head  request.Head // further attempts are bound from it and from in, but for the cursor
	in    bind.Input

	// Of the newest attempt.
	sink   reading.Sink
	began  bool // whether the upstream has accepted
	events int  // how many it has brought

	outage outage
}

// Run implements [reading.Upstream].
func (f *feed) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) (result reading.Result) {
	defer func() {
		if p := recover(); p != nil {
			result = reading.Result{Fate: reading.Over, End: f.last(f.recovered(p, debug.Stack()))}
		}
	}()
	f.sink, f.began, f.events = sink, false, 0
	c, err := f.bind(a)
	if err != nil {
		fate := reading.Over
		if a.HasCursor {
			fate = reading.Refused
		}
		return reading.Result{Fate: fate, End: f.last(unbound(err))}
	}
	stream := ctx
	if timeout := f.rt.Config.Request.Timeout; f.shared && timeout > 0 { // a private stream's context has the deadline already
		var stop context.CancelFunc
		stream, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	end := f.stream(stream, c)
	f.report(end)
	if !f.began && stream.Err() == nil && (f.shared || !a.Reopening) && !f.cursorRefused(a, end) {
		f.judge(end)
	}
	return f.verdict(ctx, a, end)
}

// last renders an ending for the clients of the stream.
func (f *feed) last(end *ending.Ending) pump.End { return f.rt.End(f.final, end) }

// bind returns what an attempt sends.
func (f *feed) bind(a reading.Attempt) (*route.Call, error) {
	if first := f.first; first != nil {
		f.first = nil // an idle stream keeps nothing of its request
		return first, nil
	}
	in := f.in
	in.LastEventID, in.HasLastEventID = a.Cursor, a.HasCursor
	return f.rt.Bind(f.head, in)
}

// stream opens a stream, and hands on its events until it is over. The ending is what the browser is told.
func (f *feed) stream(ctx context.Context, c *route.Call) *ending.Ending {
	stream, err := f.source.Open(ctx, f.rt.Plan.Method, c.Request, c.Metadata)
	if err != nil {
		f.tellWords(ctx, source.StatusOf(err))
		return notOpened(f.rt, err)
	}
	defer stream.Close()
	if header, ok := stream.Header(); ok {
		f.rt.Health.Opened()
		f.back()
		f.accepted(header)
	}
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return upstreamEnded(f.rt, status.New(codes.OK, ""))
		case errors.Is(err, source.ErrMessageTooLarge):
			return unreadable(err)
		case err != nil:
			f.tellWords(ctx, source.StatusOf(err))
			return upstreamEnded(f.rt, source.StatusOf(err))
		}
		err = f.render(ctx, message)
		f.tellUnknown()
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
		f.rest()
	}
}

func (f *feed) accepted(header metadata.MD) {
	f.began = true
	f.sink.Accepted(reading.Header(header))
}

// guarded runs the reader of a private stream. A panic of the program's own code, which an [Observer] may be, ends the stream alone.
func (f *feed) guarded(ctx context.Context, r *reading.Reader) (end pump.End) {
	defer func() {
		if p := recover(); p != nil {
			end = f.last(f.recovered(p, debug.Stack()))
		}
	}()
	return r.Run(ctx)
}

// report tells the operator why a stream ended, where there is something to do about it: the browser learns only that it did.
func (f *feed) report(end *ending.Ending) {
	if end.Cause != nil {
		f.streams.faults.tell(faultOf(f.rt, endedByTheBridge, end.Code), episode{},
			"reason", end.Reason, "error", withoutValues(end.Cause))
	}
}

// maxWords bounds what of an upstream's message stands in a line of the log.
const maxWords = 1 << 10

// tellWords tells how the upstream itself puts it, which may name what is not meant for every log.
func (f *feed) tellWords(ctx context.Context, st *status.Status) {
	if ctx.Err() == nil {
		f.streams.log.Debug("an upstream stream ended", "route", f.rt.Config.Name, "rpc", f.rt.Plan.Method,
			"code", ending.CodeOf(uint32(st.Code())).String(), "message", st.Message()[:min(len(st.Message()), maxWords)])
	}
}

// withoutValues returns an error that says what is wrong with a message and where, and nothing of what stands in it: logs
// hold no message.
func withoutValues(err error) error {
	bad := (*transcode.Error)(nil)
	if !errors.As(err, &bad) {
		return err
	}
	bare := *bad
	bare.Detail = ""
	return &bare
}

// recovered returns the ending for a panic while a message was read, which must not take down every other stream.
func (f *feed) recovered(p any, stack []byte) *ending.Ending {
	end := unreadable(nil) // a reconnect would meet the same message again
	f.streams.faults.tell(faultOf(f.rt, readerPanicked, end.Code), episode{}, "panic", panicText(p), "stack", string(stack))
	return end
}

// panicText says what kind of panic there was. Only the runtime's own words hold nothing of a message.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("of type %T", p)
}

// tellUnknown tells which types the last message held that no schema has: the observer each time, the log once for each name.
func (f *feed) tellUnknown() {
	for _, u := range f.rt.Plan.Unknown.Take() {
		f.streams.observer.TypeUnknown(f.rt.Config.Name, u.Name)
		if u.First {
			f.streams.log.Warn("a message holds a type that no schema has: it is sent as its bytes", "route", f.rt.Config.Name,
				"rpc", f.rt.Plan.Method, "type", u.Name)
		}
	}
}
