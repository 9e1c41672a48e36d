package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that has had no event has no id with which it could come back. If its connection broke, it would miss the events
// in between without being told. So a subscriber that gets no event at once is told a cursor: an id that stands for its place.

// cursorAfter is how long after the begin of a stream, or after the upstream has accepted, an event still counts as coming at
// once.
const cursorAfter = 20 * time.Millisecond

// settling is the time after the begin of a stream, and after the upstream has accepted. No subscriber is told a cursor in this
// time, because an event is likely to come.
type settling struct {
	is    bool // it has begun and is not over
	count int  // how many settlings there were
	timer *time.Timer
}

// settle begins the settling again. The lock is held.
func (st *stream) settle() {
	s := &st.settling
	s.end()
	s.is = true
	s.count++
	count := s.count
	s.timer = time.AfterFunc(cursorAfter, func() { st.settled(count) })
}

// quiet begins the settling before the upstream has accepted.
func (st *stream) quiet() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.settle()
}

// settled ends the settling with that count, and has waiting subscribers read.
func (st *stream) settled(count int) {
	st.mu.Lock()
	over := st.settling.is && st.settling.count == count
	if over {
		st.settling.end()
	}
	st.mu.Unlock()
	if over {
		st.watchers.notify()
	}
}

// end ends the settling without a call of the watchers. The stream's lock is held.
func (s *settling) end() {
	s.is = false
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil // a stream that waits for events keeps none
	}
}

// cursorNotice is the newest cursor that subscribers were told. Subscribers at the same place share it.
type cursorNotice struct {
	at    replay.Position // the place that the cursor stands for
	id    string          // "" where no id stands for the place
	frame *frame.Frame    // nil where no id stands for the place
}

// cursorAt returns the frame that tells the cursor of a place, and the id in it. The frame is nil where no id stands for the
// place. The lock is held.
func (st *stream) cursorAt(at replay.Position) (*frame.Frame, string) {
	c := &st.cursor
	if c.at != at {
		*c = cursorNotice{at: at}
		if id := st.idBefore(at); !id.IsZero() {
			c.id, c.frame = id.String(), frame.New(ending.CursorBlock(id), noData)
		}
	}
	return c.frame, c.id
}

// idBefore returns the id with which a subscriber comes back to a place, or to a place a little before it. The result is the
// zero ID where there is none.
func (st *stream) idBefore(at replay.Position) sse.ID {
	switch {
	case !st.settings.HasID && at.Offset == 0:
		return startID(at.Epoch)
	case !st.settings.HasID:
		return positionID(replay.Position{Epoch: at.Epoch, Offset: at.Offset - 1})
	}
	state := st.log.State()
	from := replay.Position{Epoch: at.Epoch, Offset: max(state.First, at.Offset-min(at.Offset, readAtOnce))}
	text := idUpTo(st.log, from, at)
	id, err := sse.ParseID(text)
	if err != nil {
		return sse.ID{}
	}
	if _, ok := st.behind(text, state); ok || st.catchesUp() && st.past.reason(text) == ending.NoReset {
		return id // where it is not sure, the upstream goes on behind it
	}
	return sse.ID{} // an older id would bring events again
}
