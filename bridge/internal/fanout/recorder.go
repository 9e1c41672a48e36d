package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// appender takes the events of a stream. Subscribers read the stream's log, which may show an event later than the appender has
// taken it. The log itself is the appender, except in tests.
type appender interface {
	Begin(ctx context.Context, epoch string) error
	Append(ctx context.Context, d replay.Draft) error
}

// recorder appends the events of the upstream streams to the log, one upstream stream after the other. One goroutine uses it.
type recorder struct {
	stream *stream
	into   appender
	next   replay.Position // the position of the next event; zero before the first epoch
	cursor string          // the id of the newest event; "" where the upstream would not take it
	sure   bool            // the ids of the events that come now are sure
	ctx    context.Context // the context of the newest call
	unused bool            // the epoch has begun, and the upstream has accepted no stream in it yet

	// These belong to the present attempt.
	cursorSent bool  // the upstream is asked to go on after the cursor
	err        error // why the log could not begin an epoch
}

var _ reading.Owner = (*recorder)(nil)

// start begins the first epoch before the upstream has answered, where events have no ids of their own. Many servers send no
// header before their first message. With an epoch, a subscriber of such an upstream gets an id with which it can come back.
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

// goOn has the recorder go on at the end of the log, whose events another recorder or another replica has brought.
func (r *recorder) goOn() {
	st := r.stream
	state := st.log.State()
	r.next = state.End()
	if st.settings.HasID && st.settings.Resumes {
		r.cursor = newestID(st.log, state)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	r.sure = st.sure.known
}

// beginEpoch begins a new epoch of the log. It sets r.err.
func (r *recorder) beginEpoch() {
	next := replay.Position{Epoch: newEpoch()}
	r.stream.beginSureness(next.Epoch)
	r.sure = false
	if r.err = r.into.Begin(r.ctx, next.Epoch); r.err == nil {
		r.grow(next, "")
	}
}

// noteSureness notes whether the ids of the events from the next one on are sure.
func (r *recorder) noteSureness(resumed bool) {
	if !r.sure {
		r.sure = r.stream.noteSureness(r.next.Offset, resumed)
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
	r.stream.request(time.Time{})
	return a
}

// CursorRefused implements [reading.Owner].
func (r *recorder) CursorRefused(context.Context) {
	r.stream.refuse(r.cursor)
	r.cursor = ""
}

// Abandoned implements [reading.Owner]. It is called after each upstream stream that has ended.
func (r *recorder) Abandoned() bool {
	r.stream.request(time.Time{})
	r.stream.hurry()
	return r.stream.registry.abandon(r.stream)
}

// Reopened implements [reading.Owner].
func (r *recorder) Reopened(by ending.Code) { r.stream.registry.Hooks.reopened(r.stream, by) }

// Stale implements [reading.Owner].
func (r *recorder) Stale(by ending.Code) { r.stream.stale(by) }

// Live implements [reading.Owner].
func (r *recorder) Live() { r.stream.live() }

// Opened implements [reading.Sink].
func (r *recorder) Opened() { r.stream.request(time.Now()) }

// Accepted implements [reading.Sink].
func (r *recorder) Accepted(header reading.Header) {
	if r.next.Epoch == "" || !r.cursorSent && !r.unused { // otherwise the stream goes on where the log ends
		r.stream.bury()
		r.beginEpoch()
	} else {
		r.noteSureness(r.cursorSent)
	}
	r.unused = false
	r.stream.accept(header)
}

// grow notes the position of the next event, and the id of the event before it where that has come now.
func (r *recorder) grow(next replay.Position, id string) {
	r.next = next
	r.stream.grow(next, id)
}

// Event implements [reading.Sink]. It never waits for a subscriber. The error comes from the log or from ctx.
func (r *recorder) Event(ctx context.Context, e *reading.Event) error {
	if r.err != nil {
		return r.err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.noteSureness(false)
	draft, err := build(r.stream, r.next, e)
	if err != nil {
		return err
	}
	if err := r.into.Append(ctx, draft); err != nil {
		conflict := (*replay.ConflictError)(nil)
		switch {
		case errors.As(err, &conflict): // another appender was faster; the id of its event is not known here
			r.cursor = ""
			r.grow(conflict.Next, "")
		case errors.Is(err, replay.ErrClosed): // subscribers cannot read up to the old end any more
			r.grow(replay.Position{}, "")
		}
		return err
	}
	r.cursor = ""
	if s := &r.stream.settings; s.HasID && s.Resumes {
		r.cursor = draft.ID
	}
	r.grow(replay.Position{Epoch: r.next.Epoch, Offset: r.next.Offset + 1}, draft.ID)
	r.stream.registry.makeRoom(r.stream)
	if fits(r.next.Offset) {
		r.fitRetry()
	}
	return nil
}
