package stream

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// lostCursor is an id that a client presented and from which no stream can resume. The zero value stands for no id.
type lostCursor struct {
	id string // as the client sent it
	// reason is [ending.ResetInvalid] for an id that does not fit or that the upstream refuses. It is [ending.ResetEpoch] where
	// the route gives ids but cannot resume, so that a new stream begins.
	reason ending.Reset
}

// idOf returns the id of the event that carries a cursor.
func idOf(cursor string) string {
	id, _ := sse.EncodeID([]byte(cursor))
	return id.String()
}

// lostOn returns a client's cursor where the cursor alone shows that the route cannot resume from it. A route that neither
// gives ids nor takes a cursor ignores what a client presents.
func lostOn(rt *route.Route, c request.Cursor) lostCursor {
	resumes := rt.Plan.Binder.UsesCursor()
	switch {
	case c.ID == "", !resumes && rt.Plan.ID == nil:
	case !c.Valid:
		return lostCursor{c.ID, ending.ResetInvalid}
	case !resumes:
		return lostCursor{c.ID, ending.ResetEpoch}
	}
	return lostCursor{}
}
