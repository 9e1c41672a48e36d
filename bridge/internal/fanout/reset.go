package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// resetFrame returns the frame that tells a subscriber that its stream does not go on after an id. Subscribers with the same
// reason and id share a frame. The lock is held.
func (st *stream) resetFrame(reason ending.Reset, id string) *frame.Frame {
	last := &st.reset
	if last.frame == nil || last.reason != reason || last.id != id {
		last.reason, last.id = reason, id
		last.frame = frame.New(ending.ResetBlock(reason, id), noData)
	}
	return last.frame
}
