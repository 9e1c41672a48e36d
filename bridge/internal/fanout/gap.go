package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// gap is what subscribers are told of a time in which the stream has no upstream. It stands in no log: each subscriber knows the
// number of the gap that it was told of.
type gap struct {
	count uint32       // of the gaps that there was something to tell of
	told  uint32       // the number of the gap that subscribers are to be told of, 0 where there is none
	begin *frame.Frame // what says that no events come, made for each gap
	live  *frame.Frame // what says that events come again, made once
}

// stale has subscribers told that no events come, since the upstream ended with a code.
func (st *stream) stale(by ending.Code) {
	st.mu.Lock()
	over := st.end != nil
	if g := &st.gap; !over {
		g.count++
		g.told, g.begin = g.count, frame.New(ending.StaleBlock(by), noData)
	}
	st.mu.Unlock()
	if !over {
		st.watchers.notify()
	}
}

// live has the subscribers that were told of a gap told that events come again.
func (st *stream) live() {
	st.mu.Lock()
	st.gap.told = 0
	st.mu.Unlock()
	st.watchers.notify()
}

// liveFrame says that a gap is over. The lock is held.
func (st *stream) liveFrame() *frame.Frame {
	if st.gap.live == nil {
		st.gap.live = frame.New(ending.LiveBlock(), noData)
	}
	return st.gap.live
}

// noData is where the data of a notice is: nowhere that a line of NDJSON would be made of.
const noData = -1
