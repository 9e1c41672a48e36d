package fanout

import (
	"context"
	"errors"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// appender takes the events of a stream. Subscribers read the stream's log, which may show an event later than the appender has
// taken it. The log itself is the appender, except in tests.
type appender interface {
	Begin(ctx context.Context, epoch string) error
	Append(ctx context.Context, e *replay.Event) error
}

// recorder appends to the log what upstream streams bring, one after the other. One goroutine uses it.
type recorder struct {
	stream *stream
	into   appender
	next   replay.Position // where the next event belongs; zero before the first epoch
	cursor string          // the id of the newest event; "" where it has no id that the upstream takes
	block  []byte          // scratch
	oldest []*replay.Event // likewise
	ctx    context.Context // of the stream
	unused bool            // the epoch has begun, and no upstream stream has been accepted in it yet

	// Of the attempt that is made now.
	cursorSent bool  // it goes on after the cursor
	err        error // of the log, where it could not begin an epoch
}

var _ reading.Owner = (*recorder)(nil)

// start begins the first epoch before the upstream has said anything, where the ids are the bridge's own: many servers send no
// header before their first message, and a subscriber of a silent upstream has an id to come back with all the same.
func (r *recorder) start(ctx context.Context) {
	if r.stream.settings.HasID {
		return
	}
	r.ctx = ctx
	if r.beginEpoch(); r.err == nil {
		r.unused = true
		r.stream.quiet()
	}
}

// beginEpoch begins a new epoch of the log.
func (r *recorder) beginEpoch() {
	next := replay.Position{Epoch: newEpoch()}
	if r.err = r.into.Begin(r.ctx, next.Epoch); r.err == nil {
		r.grow(next)
	}
}

// Next implements [reading.Owner].
func (r *recorder) Next(ctx context.Context, reopening bool) reading.Attempt {
	r.ctx = ctx
	a := reading.Attempt{Reopening: reopening}
	if r.cursor != "" {
		value, err := sse.DecodeID(r.cursor)
		a.Cursor, a.HasCursor = value, err == nil
	}
	r.cursorSent, r.err = a.HasCursor, nil
	return a
}

// CursorRefused implements [reading.Owner].
func (r *recorder) CursorRefused(context.Context) {
	r.stream.refuse(r.cursor)
	r.cursor = ""
}

// Abandon implements [reading.Owner].
func (r *recorder) Abandoned() bool { return r.stream.registry.abandon(r.stream) }

// Reopened implements [reading.Owner].
func (r *recorder) Reopened() { r.stream.registry.Hooks.reopened(r.stream) }

// Stale implements [reading.Owner].
func (r *recorder) Stale(by ending.Code) { r.stream.stale(by) }

// Live implements [reading.Owner].
func (r *recorder) Live() { r.stream.live() }

// Accepted implements [reading.Sink].
func (r *recorder) Accepted(header reading.Header) {
	if r.next.Epoch == "" || !r.cursorSent && !r.unused { // else it goes on where the log ends
		r.stream.bury()
		r.beginEpoch()
	}
	r.unused = false
	r.stream.accept(header)
}

func (r *recorder) grow(next replay.Position) {
	r.next = next
	r.stream.grow(next)
}

// Event implements [reading.Sink]. It never waits for a subscriber. Its error is that of the log or of ctx.
func (r *recorder) Event(ctx context.Context, e *reading.Event) error {
	if r.err != nil {
		return r.err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	event, err := r.finish(e)
	if err != nil {
		return err
	}
	if err := r.into.Append(ctx, event); err != nil {
		conflict := (*replay.ConflictError)(nil)
		switch {
		case errors.As(err, &conflict): // what somebody else appended is not known here
			r.cursor = ""
			r.grow(conflict.Next)
		case errors.Is(err, replay.ErrClosed): // no subscriber can read up to where it ended
			r.grow(replay.Position{})
		}
		return err
	}
	r.cursor = ""
	if s := &r.stream.settings; s.HasID && s.Resumes {
		r.cursor = event.ID
	}
	r.grow(replay.Position{Epoch: r.next.Epoch, Offset: r.next.Offset + 1})
	r.stream.registry.makeRoom(r.stream)
	r.fitRetry()
	return nil
}

// finish returns an event with its id.
func (r *recorder) finish(e *reading.Event) (*replay.Event, error) {
	id := positionID(r.next)
	if r.stream.settings.HasID {
		var ok bool
		if id, ok = sse.EncodeID(e.ID); !ok && len(e.ID) > 0 {
			r.stream.registry.Hooks.idLeftOut(r.stream)
		}
	}
	r.block = sse.AppendTail(append(r.block[:0], e.Block...), id)
	event, err := replay.NewEvent(r.next, r.block, e.Data)
	if err != nil {
		return nil, err
	}
	if cap(r.block) > maxScratch {
		r.block = nil
	}
	event.ID, event.Key, event.Mark = id.String(), string(e.Key), e.Mark
	return event, nil
}

// maxScratch is how large a block may be whose memory is used again.
const maxScratch = 64 << 10
