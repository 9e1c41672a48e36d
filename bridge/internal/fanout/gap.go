package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// gap is the time in which a stream has no upstream. What subscribers are told of it stands in no log: each knows the number of
// the gap that it was told of.
type gap struct {
	open  bool
	count uint32      // of the gaps so far: the number of the newest one
	told  uint32      // the number of the gap that subscribers are to be told of, 0 where there is none
	by    ending.Code // that began the gap, or that the newest attempt in it ended with
	timer *time.Timer
	begin *frame.Frame // what says that the gap has lasted, made for each
	live  *frame.Frame // what says that one is over, made once
}

// close ends the gap: events flow. The stream's lock is held.
func (g *gap) close() {
	g.open, g.told = false, 0
	g.stop()
}

// stop makes sure that nothing more is told of the gap. The stream's lock is held.
func (g *gap) stop() {
	if g.timer != nil {
		g.timer.Stop()
	}
}

// broken begins a gap; within one, it changes only what subscribers are told of it.
func (st *stream) broken(by ending.Code) {
	st.mu.Lock()
	defer st.mu.Unlock()
	g := &st.gap
	if g.by = by; g.open {
		return
	}
	g.open = true
	g.count++
	number := g.count
	g.timer = time.AfterFunc(StaleAfter, func() { st.stale(number) })
}

// stale has subscribers told of a gap that has lasted, unless it is over.
func (st *stream) stale(number uint32) {
	st.mu.Lock()
	g := &st.gap
	lasts := g.open && g.count == number && st.end == nil
	if lasts {
		g.told, g.begin = number, frame.New(ending.StaleBlock(g.by), noData)
	}
	st.mu.Unlock()
	if lasts {
		st.watchers.notify()
	}
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
