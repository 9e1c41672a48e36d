package bridge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// reader reads the upstream for one caller: one stream, or, where the route can resume, as many as it takes, so that the
// browser does not notice when one breaks. One goroutine uses it.
type reader struct {
	feed
	bridge *Bridge
	source source
	caller *caller
	in     bind.Input // of the next stream
}

// run reads until the stream is over for good. The ending is what the browser is told.
func (r *reader) run(ctx context.Context, request []byte) (end *ending) {
	defer func() {
		if p := recover(); p != nil { // one message must not take down every other stream
			r.bridge.log.Error("panic while reading a stream", "route", r.rt.cfg.Name, "panic", panicText(p),
				"stack", string(debug.Stack()))
			end = unfit(nil) // nobody should come back for the same message
		}
	}()
	defer r.notice.stop()
	r.tellReset(ctx)
	end = r.open(ctx, request)
	defer func() { r.report(end) }()
	wait := backoff.Backoff{Policy: r.rt.reopening()}
	for r.mayReopen(end) {
		r.notice.interrupted(end)
		next, ok := r.nextRequest()
		if !ok || !wait.Next(ctx, r.events > 0) {
			break
		}
		r.observer.Reopened(r.rt.cfg.Name)
		end = r.open(ctx, next)
	}
	switch {
	case end.code == codes.Canceled && r.bridge.ctx.Err() != nil:
		return shuttingDown()
	case r.accepted || ctx.Err() != nil: // a client that leaves a silent upstream has not seen it fail
	case end.code == codes.OK:
		r.rt.health.opened()
	case end.retry:
		r.rt.health.failed()
	}
	return end
}

// report tells the operator why a stream ended, where there is something to do about it: the browser learns only that it did.
func (r *reader) report(end *ending) {
	if end.cause != nil {
		r.bridge.log.Warn("a stream was ended by the bridge", "reason", end.reason, "route", r.rt.cfg.Name,
			"rpc", r.rt.plan.method, "error", withoutValues(end.cause))
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

// panicText says what kind of panic there was. Only the runtime's own words hold nothing of a message.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("of type %T", p)
}

// resumes reports whether the route carries a cursor upstream.
func (r *reader) resumes() bool { return r.rt.plan.binder.UsesCursor() }

// open reads one upstream stream to its end. A cursor that the upstream refuses is dropped, and the page is told: it never
// dies of an old id.
func (r *reader) open(ctx context.Context, request []byte) *ending {
	end := r.stream(ctx, r.source, request)
	if !r.in.HasLastEventID || !r.resumes() || r.events > 0 || !refusesCursor(end) {
		return end
	}
	lost := r.in.LastEventID
	r.in.LastEventID, r.in.HasLastEventID = "", false
	request, ok := r.rebind()
	if !ok {
		return end
	}
	r.lost = lostCursor{asSent(lost), "invalid"}
	r.tellReset(ctx)
	return r.stream(ctx, r.source, request)
}

// rebind binds the request and the metadata of the next stream. It reports false where they do not fit any more.
func (r *reader) rebind() (request []byte, ok bool) {
	request, md, err := r.rt.bind(r.caller, r.in)
	if err != nil {
		return nil, false
	}
	r.metadata = md
	return request, true
}

// refusesCursor reports whether an upstream's status can mean that it does not take a cursor.
func refusesCursor(e *ending) bool {
	switch e.code {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return e.reason == byUpstream
	}
	return false
}

// mayReopen reports whether a stream that has ended so can go on behind the browser's back: it had begun, the upstream can
// be told where it stopped, and the end is none that the browser must know of.
func (r *reader) mayReopen(end *ending) bool {
	switch {
	case !r.accepted || r.final || !r.resumes() || r.rt.plan.id == nil || r.idless:
		return false
	case end.code == codes.OK:
		return r.rt.cfg.OnEnd == onEndReopen && end.reason == byUpstream
	}
	return end.retry && end.reason == byUpstream
}

// nextRequest binds the request that goes on after the last event that was sent. It reports false where the upstream's own
// id does not fit what it is bound to.
func (r *reader) nextRequest() (request []byte, ok bool) {
	if len(r.cursor) > 0 {
		r.in.LastEventID, r.in.HasLastEventID = string(r.cursor), true
	}
	return r.rebind()
}
