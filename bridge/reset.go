package bridge

import (
	"context"
	"encoding/json"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// asSent returns the id that carries a cursor, as the page knows it.
func asSent(cursor string) string {
	id, _ := sse.EncodeID([]byte(cursor))
	return id.String()
}

// tellReset tells the page that its stream does not resume after f.lost, so that it loads its state anew. The id may be
// hostile, and comes back cut to the length of the longest one.
func (f *feed) tellReset(ctx context.Context) {
	if f.lost == "" {
		return
	}
	lost := f.lost
	f.lost = ""
	data, err := json.Marshal(struct {
		Reason      string `json:"reason"`
		LastEventID string `json:"last_event_id"`
	}{"invalid", lost[:min(len(lost), sse.MaxIDBytes)]})
	if err != nil { // two strings cannot fail
		return
	}
	_ = f.queue.Push(ctx, f.format.notice(sse.ResetName(), data)) // without room, the stream is over
}
