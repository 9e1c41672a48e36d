package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// gap is a time in which the stream has no upstream, and what subscribers are told about it. A gap is not in the log. Each
// subscriber holds the number of the last gap that it was told of.
type gap struct {
	count uint32       // how many gaps subscribers were told of
	told  uint32       // the number of the gap that subscribers are told of now; 0 is none
	by    ending.Code  // the code that begin tells
	begin *frame.Frame // tells that no events come; made for each gap
	live  *frame.Frame // tells that events come again; made once
}

// stale begins a gap: subscribers are told that no events come, and with which code the upstream ended.
func (st *stream) stale(by ending.Code) {
	over := false
	st.update(func() {
		over = st.end != nil
		st.show(st.log.State())
		if g := &st.gap; !over {
			g.count++
			g.told, g.by, g.begin = g.count, by, frame.New(ending.StaleBlock(by), noData)
			st.catchUps.ringAll()
		}
	})
	if !over {
		st.ring()
	}
}

// live ends a gap: the subscribers that were told of it are told that events come again.
func (st *stream) live() {
	st.update(func() {
		st.gap.told = 0
		st.catchUps.ringAll()
	})
	st.ring()
}

// liveFrame returns the frame that tells the end of a gap. The stream's lock is held.
func (st *stream) liveFrame() *frame.Frame {
	if st.gap.live == nil {
		st.gap.live = frame.New(ending.LiveBlock(), noData)
	}
	return st.gap.live
}

// noData marks a frame without a data line: a notice is left out of NDJSON.
const noData = -1
