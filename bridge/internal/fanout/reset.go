package fanout

import "github.com/grpcsse/grpcsse/bridge/internal/frame"

// resetReason is why a subscriber's stream does not go on where it was.
type resetReason uint8

const (
	noReset   resetReason = iota
	expired               // the log does not have the id, or not any more
	lostEpoch             // the upstream could not go on where it was, or the id is of such a time
	slow                  // the subscriber was too slow for the log
	invalid               // the id is none, or the upstream does not take it
)

func (r resetReason) String() string {
	return [...]string{"", "expired", "epoch", "slow", "invalid"}[r]
}

// resetFrame tells a subscriber that its stream does not go on after an id. All who are told the same get the same frame. The
// lock is held.
func (st *stream) resetFrame(reason resetReason, id string) *frame.Frame {
	last := &st.reset
	if last.frame == nil || last.reason != reason || last.id != id {
		last.reason, last.id = reason, id
		last.frame = frame.New(st.settings.Notices.Reset(reason.String(), id), noData)
	}
	return last.frame
}
