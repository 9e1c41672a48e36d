package bridge

import (
	"context"
	"encoding/json"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// reset tells the page that its stream does not resume after lost, an id that no stream can resume from: it may be
// hostile, and comes back cut to the length of the longest id. The page loads its state anew on it.
func (f *feed) reset(ctx context.Context, lost string) {
	data, err := json.Marshal(struct {
		Reason      string `json:"reason"`
		LastEventID string `json:"last_event_id"`
	}{"invalid", lost[:min(len(lost), sse.MaxIDBytes)]})
	if err != nil { // two strings cannot fail
		return
	}
	_ = f.queue.Push(ctx, sse.AppendFrame(nil, sse.Event{Name: sse.ResetName(), Data: data})) // no room: the stream is over
}
