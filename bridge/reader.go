package bridge

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// reader reads the upstream for one caller: one stream, or, where the route can resume, as many as it takes, so that the
// browser does not notice when one breaks. One goroutine uses it.
type reader struct {
	feed
	queue  *pump.Queue
	form   frame.Form
	notice *notice
	head   request.Head
	in     bind.Input // of the next stream
	// metadata is what the next stream sends along; header is what the first one that began was answered with.
	metadata metadata.MD
	header   *atomic.Pointer[metadata.MD]

	final  bool       // the request may have had an effect: nothing is opened twice
	lost   lostCursor // what the page has yet to be told
	begun  bool       // whether any stream has
	pushed bool       // whether any stream has brought an event
	cursor []byte     // id of the last event that had one
	idless bool       // whether the last event had none: nobody could say where it was
}

// run reads until the stream is over for good. The ending is what the browser is told.
func (r *reader) run(ctx context.Context, message []byte) (end *ending.Ending) {
	defer func() {
		if p := recover(); p != nil {
			end = r.recovered(p, debug.Stack())
		}
	}()
	defer r.notice.stop()
	r.tellReset(ctx)
	end = r.open(ctx, message)
	defer func() { r.report(end) }()
	if !r.begun && end.Code == ending.OK && r.rt.hides(end) { // an end in good order that is hidden is a first word too
		r.rt.health.opened()
		r.accepted(nil)
	}
	wait := backoff.Backoff{Policy: r.rt.reopening()}
	for ctx.Err() == nil && r.mayReopen(end) { // a stream that was closed has not broken
		r.notice.interrupted(end)
		r.broke(end)
		next, ok := r.nextRequest(ctx)
		if wait.Stood(r.stood()); end.Code == ending.OK && r.events > 0 {
			wait.Reset()
		}
		if !ok || !wait.Next(ctx) {
			break
		}
		r.bridge.observer.Reopened(r.rt.cfg.Name)
		end = r.open(ctx, next)
	}
	switch {
	case end.Code == ending.Canceled && r.bridge.ctx.Err() != nil:
		return ending.ShuttingDown()
	case errors.Is(ctx.Err(), context.Canceled):
		return ending.Refuse(ending.Canceled, ending.ByGone, "the client has left")
	case r.begun || ctx.Err() != nil: // a client that leaves a silent upstream has not seen it fail
	default:
		r.judge(end)
	}
	return end
}

// accepted is part of output.
func (r *reader) accepted(header metadata.MD) {
	r.begun = true
	r.header.CompareAndSwap(nil, &header)
	r.notice.flowing()
	r.queue.Open()
}

// event is part of output: it closes the block, and hands it to the connection in its form.
func (r *reader) event(ctx context.Context, b *block) error {
	sent := len(b.id) > 0
	if r.format == request.Lines {
		b.bytes = append(b.bytes, '\n')
	} else {
		b.bytes, sent = sse.AppendTailValue(b.bytes, b.id)
	}
	if r.idless = !sent; sent {
		r.cursor = append(r.cursor[:0], b.id...)
	} else if len(b.id) > 0 {
		r.bridge.observer.IDLeftOut(r.rt.cfg.Name)
	}
	if err := r.queue.Push(ctx, r.form, b.bytes); err != nil {
		return err
	}
	r.pushed = true
	return nil
}

// resumes reports whether the route carries a cursor upstream.
func (r *reader) resumes() bool { return r.rt.plan.binder.UsesCursor() }

// open reads one upstream stream to its end. A cursor that the upstream refuses is dropped, and the page is told: it never
// dies of an old id.
func (r *reader) open(ctx context.Context, message []byte) *ending.Ending {
	end := r.stream(ctx, message, r.metadata)
	if !r.in.HasLastEventID || !r.resumes() || r.events > 0 || !refusesCursor(end) {
		return end
	}
	r.dropCursor(ctx)
	message, ok := r.rebind(ctx)
	if !ok {
		return end
	}
	return r.stream(ctx, message, r.metadata)
}

// dropCursor has the next stream begin without a cursor, and tells the page that it does.
func (r *reader) dropCursor(ctx context.Context) {
	r.lost = lostCursor{asSent(r.in.LastEventID), ending.ResetInvalid}
	r.in.LastEventID, r.in.HasLastEventID = "", false
	r.cursor = r.cursor[:0]
	r.tellReset(ctx)
}

// rebind binds the request and the metadata of the next stream, without the cursor where that alone does not fit. It reports
// false where they do not fit any more.
func (r *reader) rebind(ctx context.Context) (message []byte, ok bool) {
	message, md, err := r.rt.bind(r.head, r.in)
	if cursor := (*bind.CursorError)(nil); errors.As(err, &cursor) {
		r.dropCursor(ctx)
		message, md, err = r.rt.bind(r.head, r.in)
	}
	if err != nil {
		return nil, false
	}
	r.metadata = md
	return message, true
}

// mayReopen reports whether a stream that has ended so can go on behind the browser's back: it had begun, the upstream can
// be told where it stopped, and the end is none that the browser must know of.
func (r *reader) mayReopen(end *ending.Ending) bool {
	if !r.begun || r.final || !r.resumes() || r.rt.plan.id == nil || r.idless {
		return false
	}
	return r.rt.hides(end)
}

// hides reports whether an end is one that the bridge may hide by opening the upstream again.
func (rt *route) hides(end *ending.Ending) bool {
	if end.Code == ending.OK {
		return rt.cfg.OnEnd == config.OnEndReopen && end.Reason == ending.ByUpstream
	}
	return end.Retry && end.Reason == ending.ByUpstream
}

// nextRequest binds the request that goes on after the last event that was sent.
func (r *reader) nextRequest(ctx context.Context) (message []byte, ok bool) {
	if len(r.cursor) > 0 {
		r.in.LastEventID, r.in.HasLastEventID = string(r.cursor), true
	}
	return r.rebind(ctx)
}
