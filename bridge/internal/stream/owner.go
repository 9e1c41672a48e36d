package stream

import (
	"context"
	"errors"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// owner is what an upstream is read for that one caller has: it puts the events on the caller's queue, and knows where the next
// upstream stream is to begin.
type owner struct {
	private *private
	streams *Streams
	rt      *route.Route
	form    frame.Form
	format  request.Format
	final   bool // the request may have had an effect: the upstream is never opened twice
	resumes bool // the route carries a cursor upstream

	lost      lostCursor // what the page has yet to be told
	cursor    string     // of the next attempt, unless an event had a newer one
	hasCursor bool
	newest    []byte // id of the last event that had one; empty while none had
	idless    bool   // whether the last event had none, so that no cursor says where the stream is
	pushed    bool   // whether there was an event
}

var _ reading.Owner = (*owner)(nil)

// Next implements [reading.Owner].
func (o *owner) Next(ctx context.Context, reopening bool) reading.Attempt {
	o.tellReset(ctx)
	if len(o.newest) > 0 {
		o.cursor, o.hasCursor = string(o.newest), true
	}
	return reading.Attempt{Cursor: o.cursor, HasCursor: o.hasCursor, Reopening: reopening}
}

// CursorRefused implements [reading.Owner]. The page is told, and its stream begins anew: it never dies of an old id.
func (o *owner) CursorRefused(ctx context.Context) {
	o.lost = lostCursor{asSent(o.cursor), ending.ResetInvalid}
	o.cursor, o.hasCursor, o.newest = "", false, o.newest[:0]
	o.tellReset(ctx)
}

// tellReset tells the page that its stream does not resume after o.lost, so that the page loads its state anew.
func (o *owner) tellReset(ctx context.Context) {
	lost := o.lost
	if lost.id == "" || o.format == request.Lines {
		return
	}
	o.lost = lostCursor{}
	_ = o.private.queue.Push(ctx, o.form, ending.ResetBlock(lost.reason, lost.id)) // without room, the stream is over
}

// Accepted implements [reading.Sink].
func (o *owner) Accepted(header reading.Header) {
	md := metadata.MD(header)
	o.private.response.CompareAndSwap(nil, &md)
	o.private.queue.Open()
}

// Event implements [reading.Sink]: it closes the block, and hands it to the connection in its form. It waits while the client
// is behind. Its error is that of ctx.
func (o *owner) Event(ctx context.Context, e *reading.Event) error {
	sent := len(e.ID) > 0
	if o.format == request.Lines {
		e.Block = append(e.Block, '\n')
	} else {
		e.Block, sent = sse.AppendTailValue(e.Block, e.ID)
	}
	if o.idless = !sent; sent {
		o.newest = append(o.newest[:0], e.ID...)
	} else if len(e.ID) > 0 {
		o.streams.observer.IDLeftOut(o.rt.Config.Name)
	}
	if err := o.private.queue.Push(ctx, o.form, e.Block); err != nil {
		return err
	}
	o.pushed = true
	return nil
}

// reopens reports whether the stream can go on without the browser's noticing after an end: the upstream can be told where it
// stopped, and the end is none that the browser must know of.
func (o *owner) reopens(end *ending.Ending) bool {
	return !o.final && o.resumes && o.rt.Plan.ID != nil && !o.idless && hides(o.rt, end)
}

// Abandon implements [reading.Owner]. The reader's context ends when the caller leaves.
func (o *owner) Abandon() bool { return false }

// Reopened implements [reading.Owner].
func (o *owner) Reopened() { o.streams.observer.Reopened(o.rt.Config.Name) }

// Stale implements [reading.Owner].
func (o *owner) Stale(by ending.Code) { o.notice(ending.StaleBlock(by)) }

// Live implements [reading.Owner].
func (o *owner) Live() { o.notice(ending.LiveBlock()) }

// notice tells the page something beside its events. A format other than that of events has no place for it.
func (o *owner) notice(block []byte) {
	if o.format == request.EventStream {
		o.private.queue.Notice(o.form.Append(nil, block))
	}
}

// conclude returns the end of a stream whose reader has returned one: where the caller has left, that is the reason.
func (o *owner) conclude(ctx context.Context, end pump.End) pump.End {
	if errors.Is(ctx.Err(), context.Canceled) && end.Ending.Reason != ending.ByDrain {
		return o.rt.End(o.final, ending.Refuse(ending.Canceled, ending.ByGone, "the client has left"))
	}
	return end
}
