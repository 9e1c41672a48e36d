package bridge

import (
	"context"
	"encoding/json"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// lostCursor is an id that came, and that no stream can resume from. Its zero value is none.
type lostCursor struct {
	id string // as the page knows it
	// reason is "invalid" for an id that does not fit or that the upstream refuses, and "epoch" where the route gives ids but
	// cannot resume: a new stream begins, and goes on with nothing.
	reason string
}

// asSent returns the id that carries a cursor, as the page knows it.
func asSent(cursor string) string {
	id, _ := sse.EncodeID([]byte(cursor))
	return id.String()
}

// tellReset tells the page that its stream does not resume after r.lost, so that it loads its state anew. The id may be
// hostile, and comes back cut to the length of the longest one.
func (r *reader) tellReset(ctx context.Context) {
	lost := r.lost
	if lost.id == "" || r.format == lines {
		return
	}
	r.lost = lostCursor{}
	_ = r.queue.Push(ctx, r.form, resetBlock(lost.reason, lost.id)) // without room, the stream is over
}

// resetBlock renders the event that tells of a lost cursor.
func resetBlock(reason, id string) []byte {
	data, err := json.Marshal(struct {
		Reason      string `json:"reason"`
		LastEventID string `json:"last_event_id"`
	}{reason, id[:min(len(id), sse.MaxIDBytes)]})
	if err != nil { // two strings cannot fail
		return nil
	}
	return sse.AppendFrame(nil, sse.Event{Name: sse.ResetName(), Data: data})
}

// cursorBlock renders the event that gives a page an id to come back with that has had no event yet.
func cursorBlock(id sse.ID) []byte {
	return sse.AppendFrame(nil, sse.Event{Name: sse.CursorName(), Data: []byte("{}"), ID: id})
}

// lostOn returns the caller's cursor where it is already clear that the route cannot resume from it. A route that neither
// gives ids nor takes them has sent none, and loses none.
func (c *caller) lostOn(rt *route) lostCursor {
	resumes := rt.plan.binder.UsesCursor()
	switch {
	case !resumes && rt.plan.id == nil:
	case c.badCursor != "":
		return lostCursor{c.badCursor, "invalid"}
	case c.hasCursor && !resumes:
		return lostCursor{asSent(c.cursor), "epoch"}
	}
	return lostCursor{}
}
