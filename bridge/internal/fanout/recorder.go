package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bridge/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// recorder appends to the log what upstream streams bring, one after the other. One goroutine uses it.
type recorder struct {
	stream *stream
	next   replay.Position // where the next event belongs; zero before the first epoch
	cursor cursor          // what goes on where the log ends; none where nothing does
	block  []byte          // scratch
	ctx    context.Context // of the stream

	// Of the attempt that is made now.
	cursorSent bool      // it goes on after the cursor
	accepted   bool      // the upstream has
	since      time.Time // when it did
	events     int       // how many it has brought
	err        error     // of the log, where it could not begin an epoch
}

var _ Sink = (*recorder)(nil)

// cursor is an id that the upstream can go on after. The zero cursor is none.
type cursor struct {
	id    string // as it stands on the wire
	value string // what it stands for; may be left empty where the id says it
}

// openerCursor returns the cursor that the first upstream stream is opened with. The bridge's own ids mean nothing to an
// upstream. Where newcomers need what a stream begins with, it begins there: behind one browser's cursor nobody else would get a
// snapshot, or the values of before.
func openerCursor(s *Settings, n Newcomer) cursor {
	if !s.Resumes || !n.HasCursor || n.Malformed || s.LateJoin.Mode == Since || s.LateJoin.Mode == LatestBy {
		return cursor{}
	}
	if _, own := parsePosition(n.LastEventID); own && !s.HasID {
		return cursor{}
	}
	return cursor{id: n.LastEventID, value: n.Cursor}
}

// begin prepares for another attempt, and says how it is to be made.
func (r *recorder) begin(ctx context.Context, reopening bool) Attempt {
	r.ctx = ctx
	a := Attempt{Reopening: reopening}
	if a.Cursor, a.HasCursor = r.cursor.decoded(); !a.HasCursor {
		r.cursor = cursor{}
	}
	r.cursorSent, r.accepted, r.events, r.err = a.HasCursor, false, 0, nil
	return a
}

func (c cursor) decoded() (value string, ok bool) {
	if c.id == "" || c.value != "" {
		return c.value, c.id != ""
	}
	value, err := sse.DecodeID(c.id)
	return value, err == nil
}

// stood is how long the upstream stream of the attempt has stood.
func (r *recorder) stood() time.Duration {
	if !r.accepted {
		return 0
	}
	return time.Since(r.since)
}

// refused drops the cursor, which the upstream does not take.
func (r *recorder) refused() {
	r.stream.refuse(r.cursor.id)
	r.cursor = cursor{}
}

// Accepted implements [Sink].
func (r *recorder) Accepted(header any) {
	if r.accepted {
		return
	}
	r.accepted, r.since = true, time.Now()
	if r.next.Epoch == "" || !r.cursorSent { // else it goes on where the log ends
		next := replay.Position{Epoch: newEpoch()}
		if r.err = r.stream.log.Begin(r.ctx, next.Epoch, r.cursor.id); r.err == nil {
			r.grow(next)
		}
	}
	r.stream.accept(header)
}

func (r *recorder) grow(next replay.Position) {
	r.next = next
	r.stream.grow(next)
}

// Event implements [Sink].
func (r *recorder) Event(ctx context.Context, e Event) error {
	r.Accepted(nil)
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
	if err := r.stream.log.Append(ctx, event); err != nil {
		if conflict := (*replay.ConflictError)(nil); errors.As(err, &conflict) { // what somebody else appended is not known here
			r.cursor = cursor{}
			r.grow(conflict.Next)
		}
		return err
	}
	r.events++
	r.cursor = cursor{}
	if s := &r.stream.settings; s.HasID && s.Resumes {
		r.cursor.id = event.ID
	}
	r.grow(replay.Position{Epoch: r.next.Epoch, Offset: r.next.Offset + 1})
	r.stream.registry.makeRoom(r.stream)
	return nil
}

// finish returns an event with its id.
func (r *recorder) finish(e Event) (*replay.Event, error) {
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
