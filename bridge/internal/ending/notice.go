package ending

import (
	"encoding/json"
	"time"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Reset says why a page's stream does not go on where the page was. It is the "reason" of the event grpc-reset.
type Reset uint8

// These are all resets.
const (
	NoReset      Reset = iota
	ResetExpired       // the log does not have the id, or no longer has it
	ResetEpoch         // the upstream could not go on where it was, or the id is of an earlier epoch
	ResetSlow          // the client was too slow for the log
	ResetInvalid       // the id is malformed, or the upstream does not take it
)

// String returns the reason as a page reads it, or "" for [NoReset].
func (r Reset) String() string {
	return [...]string{"", "expired", "epoch", "slow", "invalid"}[r]
}

// ResetBlock renders the event that tells a page that its stream does not go on after lastEventID, so that the page loads its
// state anew. The id may be hostile: it is cut to the length of the longest id that the bridge sends.
func ResetBlock(reason Reset, lastEventID string) []byte {
	data, err := json.Marshal(struct {
		Reason      string `json:"reason"`
		LastEventID string `json:"last_event_id"`
	}{reason.String(), lastEventID[:min(len(lastEventID), sse.MaxIDBytes)]})
	if err != nil { // two strings cannot fail
		return nil
	}
	return sse.AppendFrame(nil, sse.Event{Name: sse.ResetName(), Data: data})
}

// CursorBlock renders the event that gives an id to a page that has had no event yet, so that the page can come back with it.
func CursorBlock(id sse.ID) []byte {
	return sse.AppendFrame(nil, sse.Event{Name: sse.CursorName(), Data: []byte("{}"), ID: id})
}

// StaleBlock renders the event that tells a page that no events come at present, because the upstream ended with this code.
func StaleBlock(by Code) []byte {
	data, err := json.Marshal(struct {
		Code   uint32 `json:"code"`
		Status string `json:"status"`
	}{uint32(by), by.String()})
	if err != nil { // a number and a name cannot fail
		return nil
	}
	return sse.AppendFrame(nil, sse.Event{Name: sse.StaleName(), Data: data})
}

// ExpiringBlock renders the event that tells a page that its credentials expire, and that its stream then ends, in the given time.
func ExpiringBlock(in time.Duration) []byte {
	return sse.AppendFrame(nil, sse.Event{Name: sse.ExpiringName(), Data: []byte(`{"in":"` + in.Round(time.Second).String() + `"}`)})
}

// LiveBlock renders the event that tells a page that events come again.
func LiveBlock() []byte {
	return sse.AppendFrame(nil, sse.Event{Name: sse.LiveName(), Data: []byte("{}")})
}
