package fanout

import (
	"context"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// catchUpReader reads the upstream of a catch-up. One goroutine uses it.
type catchUpReader struct {
	catchUp *catchUp
	newest  string // the id of the newest event
	events  int
	refused bool
}

var _ reading.Owner = (*catchUpReader)(nil)

// Next implements [reading.Owner].
func (r *catchUpReader) Next(_ context.Context, reopening bool) reading.Attempt {
	c := r.catchUp
	c.stream.update(func() { c.resting = false })
	id := c.id
	if r.events > 0 {
		id = r.newest
	}
	cursor, err := sse.DecodeID(id)
	return reading.Attempt{Cursor: cursor, HasCursor: err == nil, Reopening: reopening, CatchingUp: true}
}

// CursorRefused implements [reading.Owner].
func (r *catchUpReader) CursorRefused(context.Context) { r.refused = true }

// Abandoned implements [reading.Owner]. It is called after each upstream stream that has ended. A catch-up of a stream that is
// over is not opened again.
func (r *catchUpReader) Abandoned() bool {
	c := r.catchUp
	over := false
	c.stream.update(func() {
		c.since, c.resting = time.Time{}, true
		over = c.stream.end != nil
	})
	return over || r.refused || r.events > 0 && r.newest == ""
}

// Reopened implements [reading.Owner].
func (r *catchUpReader) Reopened(ending.Code) {}

// Stale implements [reading.Owner]. The subscribers are told when the stream is stale, not a catch-up.
func (r *catchUpReader) Stale(ending.Code) {}

// Live implements [reading.Owner].
func (r *catchUpReader) Live() {}

// Opened implements [reading.Sink].
func (r *catchUpReader) Opened() {
	c := r.catchUp
	c.stream.update(func() { c.since = time.Now() })
}

// Accepted implements [reading.Sink].
func (r *catchUpReader) Accepted(header reading.Header) {
	c := r.catchUp
	c.stream.update(func() {
		c.accepted, c.header = true, header
		c.changed()
	})
}

// Event implements [reading.Sink]. After the error, the catch-up no longer needs its upstream.
func (r *catchUpReader) Event(ctx context.Context, e *reading.Event) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c := r.catchUp
	draft, err := build(c.stream, replay.Position{Offset: uint64(r.events)}, e)
	if err != nil {
		return err
	}
	event := draft.Event()
	r.newest = event.ID
	r.events++
	more := false
	c.stream.update(func() { more = c.add(event) })
	if !more {
		return context.Canceled
	}
	return nil
}
