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

// owner is the private stream of one caller, for which an upstream is read. It puts the events on the caller's queue, and knows
// where the next upstream stream must begin.
type owner struct {
	private *private
	streams *Streams
	rt      *route.Route
	form    frame.Form
	format  request.Format
	once    bool // the request may have had an effect, so a stream that has begun is never opened again
	resumes bool // the route sends the cursor to the upstream

	lost      lostCursor // a lost cursor of which the page is not told yet
	cursor    string     // the cursor of the next attempt, unless newest is set
	hasCursor bool
	newest    []byte // the id of the last event that had an id, empty while no event had one
	idless    bool   // the last event had no id, so no cursor says where the stream is
	pushed    bool   // the stream has had an event
	reported  bool   // the observer knows how the stream resumed
}

var _ reading.Owner = (*owner)(nil)

// Next implements [reading.Owner].
func (o *owner) Next(_ context.Context, reopening bool) reading.Attempt {
	o.tellReset()
	if len(o.newest) > 0 {
		o.cursor, o.hasCursor = string(o.newest), true
	}
	return reading.Attempt{Cursor: o.cursor, HasCursor: o.hasCursor, Reopening: reopening}
}

// CursorRefused implements [reading.Owner]. The page receives a reset, and its stream begins anew: an old id never ends a
// stream.
func (o *owner) CursorRefused(context.Context) {
	o.lost = lostCursor{idOf(o.cursor), ending.ResetInvalid}
	if len(o.newest) == 0 { // otherwise the upstream refuses the id of an event that it has sent itself
		o.private.resumed = ending.ByReset(ending.ResetInvalid)
	}
	o.cursor, o.hasCursor, o.newest = "", false, o.newest[:0]
	o.tellReset()
}

// tellReset tells the page that its stream does not resume after o.lost, so that the page can load its state anew.
func (o *owner) tellReset() {
	lost := o.lost
	if lost.id == "" || o.format == request.Lines {
		return
	}
	o.lost = lostCursor{}
	o.notice(ending.ResetBlock(lost.reason, lost.id))
	o.streams.observer.Reset(o.rt.Config.Name, false, lost.reason)
}

// reportResumed tells the observer once how the stream goes on after the id of the caller.
func (o *owner) reportResumed() {
	if how := o.private.resumed; !o.reported && how.From != ending.ResumedNot {
		o.streams.observer.Resumed(o.rt.Config.Name, false, how)
	}
	o.reported = true
}

// Opened implements [reading.Sink].
func (o *owner) Opened() {}

// Accepted implements [reading.Sink].
func (o *owner) Accepted(header reading.Header) {
	md := metadata.MD(header)
	o.private.response.CompareAndSwap(nil, &md)
	o.reportResumed()
	o.private.queue.Open()
}

// Event implements [reading.Sink]. It completes the block, and puts the block on the queue in the form of the connection. It
// waits while the queue is full. The error is that of ctx.
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

// reopens reports whether the stream can go on after an end without the browser noticing. The upstream must be able to resume
// after the last event, and the end must be one that the bridge may hide.
func (o *owner) reopens(end *ending.Ending) bool {
	return !o.once && o.resumes && o.rt.Plan.ID != nil && !o.idless && hides(o.rt, end)
}

// Abandoned implements [reading.Owner]. The context of the reader ends when the caller leaves.
func (o *owner) Abandoned() bool { return false }

// Reopened implements [reading.Owner].
func (o *owner) Reopened(by ending.Code) { o.streams.observer.Reopened(o.rt.Config.Name, false, by) }

// Stale implements [reading.Owner].
func (o *owner) Stale(by ending.Code) { o.notice(ending.StaleBlock(by)) }

// Live implements [reading.Owner].
func (o *owner) Live() { o.notice(ending.LiveBlock()) }

// notice sends the page a block that is no event of the upstream. Only the format of event streams has a place for such a
// block.
func (o *owner) notice(block []byte) {
	if o.format == request.EventStream {
		o.private.queue.Notice(o.form.Append(nil, block))
	}
}

// conclude returns the end of a stream, given the end that its reader returned. Where the caller has left, the reason says so. A
// stream that was waiting to be opened again when the bridge closed ends as all others do then: the end that the bridge has hidden
// could stop a browser.
func (o *owner) conclude(ctx context.Context, end pump.End) pump.End {
	if end.Ending.Code == ending.OK { // the upstream may have ended the stream without an answer before
		o.reportResumed()
	}
	switch {
	case !errors.Is(ctx.Err(), context.Canceled) || end.Ending.Reason == ending.ByDrain:
		return end
	case o.streams.ctx.Err() != nil:
		return o.rt.End(o.once, ending.ShuttingDown())
	}
	return o.rt.End(o.once, ending.Refuse(ending.Canceled, ending.ByGone, "the client has left"))
}
