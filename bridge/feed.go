package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// feed turns upstream streams, one after the other, into blocks: what private and shared streams have in common. One
// goroutine uses it.
type feed struct {
	renderer
	bridge *Bridge
	source source.Source
	out    output

	events int       // how many the newest stream has brought
	since  time.Time // of its first word, zero where there was none
	outage outage
}

// output is where a feed's events go. Its methods are called by one goroutine.
type output interface {
	// accepted says that an upstream stream has begun, with this response metadata.
	accepted(header metadata.MD)
	// event takes one event. The error is that of ctx.
	event(ctx context.Context, b *block) error
}

// stream opens a stream for request, and hands on its events until it is over. The ending is what the browser is told.
func (f *feed) stream(ctx context.Context, request []byte, md metadata.MD) *ending.Ending {
	f.events, f.since = 0, time.Time{}
	stream, err := f.source.Open(ctx, f.rt.plan.method, request, md)
	if err != nil {
		f.tellWords(ctx, source.StatusOf(err))
		return f.rt.notOpened(err)
	}
	defer stream.Close()
	if header, ok := stream.Header(); ok {
		f.rt.health.opened()
		f.since = time.Now()
		f.back()
		f.out.accepted(header)
	}
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return f.rt.upstreamEnded(status.New(codes.OK, ""))
		case errors.Is(err, source.ErrMessageTooLarge):
			return unreadable(err)
		case err != nil:
			f.tellWords(ctx, source.StatusOf(err))
			return f.rt.upstreamEnded(source.StatusOf(err))
		}
		err = f.render(ctx, message)
		f.tellUnknown()
		switch {
		case err != nil && ctx.Err() != nil:
			return f.rt.upstreamEnded(source.StatusOf(ctx.Err()))
		case err != nil:
			return unreadable(err)
		}
		if err := f.out.event(ctx, &f.block); err != nil {
			return f.rt.upstreamEnded(source.StatusOf(err))
		}
		f.events++
		f.rest()
	}
}

// stood is how long the newest stream has stood. A source that brings events without having accepted does not exist.
func (f *feed) stood() time.Duration {
	if f.since.IsZero() {
		return 0
	}
	return time.Since(f.since)
}

// refusesCursor reports whether an upstream's status can mean that it does not take a cursor.
func refusesCursor(e *ending.Ending) bool {
	switch e.Code {
	case ending.InvalidArgument, ending.FailedPrecondition, ending.OutOfRange:
		return e.Reason == ending.ByUpstream
	}
	return false
}

// judge tells a route's health how the first opening of a stream went.
func (f *feed) judge(end *ending.Ending) {
	switch {
	case end.Code == ending.OK:
		f.rt.health.opened()
	case end.Retry:
		f.rt.health.failed()
	}
}

// report tells the operator why a stream ended, where there is something to do about it: the browser learns only that it did.
func (f *feed) report(end *ending.Ending) {
	if end.Cause != nil {
		f.bridge.faults.tell(f.rt.fault(endedByTheBridge, end.Code), episode{},
			"reason", end.Reason, "error", withoutValues(end.Cause))
	}
}

// maxWords bounds what of an upstream's message stands in a line of the log.
const maxWords = 1 << 10

// tellWords tells how the upstream itself puts it, which may name what is not meant for every log.
func (f *feed) tellWords(ctx context.Context, st *status.Status) {
	if ctx.Err() == nil {
		f.bridge.log.Debug("an upstream stream ended", "route", f.rt.cfg.Name, "rpc", f.rt.plan.method,
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
	f.bridge.faults.tell(f.rt.fault(readerPanicked, end.Code), episode{}, "panic", panicText(p), "stack", string(stack))
	return end
}

// panicText says what kind of panic there was. Only the runtime's own words hold nothing of a message.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("of type %T", p)
}
