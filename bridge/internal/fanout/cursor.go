package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that has had no event has no id to come back with: if its connection broke, it would miss what comes meanwhile
// without being told. So one that gets no event at once is told an id that stands for its place.

// cursorAfter is how long after a stream has begun, or after the upstream has accepted, its first events may take to come at once.
const cursorAfter = 20 * time.Millisecond

// settling is the time after a stream has begun, and after the upstream has accepted, in which no subscriber is told a cursor,
// since an event will do.
type settling struct {
	is    bool
	count int // of the times that it began
	timer *time.Timer
}

// settle begins it anew. The lock is held.
func (st *stream) settle() {
	s := &st.settling
	s.end()
	s.is = true
	s.count++
	count := s.count
	s.timer = time.AfterFunc(cursorAfter, func() { st.settled(count) })
}

// quiet begins it before the upstream has accepted.
func (st *stream) quiet() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.settle()
}

// settled ends it, and has those look who wait for that.
func (st *stream) settled(count int) {
	st.mu.Lock()
	over := st.settling.is && st.settling.count == count
	if over {
		st.settling.is = false
	}
	st.mu.Unlock()
	if over {
		st.watchers.notify()
	}
}

// end ends it without a word. The lock is held.
func (s *settling) end() {
	s.is = false
	if s.timer != nil {
		s.timer.Stop()
	}
}

// cursorNotice is the newest cursor that subscribers were told, which many are told at once.
type cursorNotice struct {
	at    replay.Position // the place that it stands for
	id    string          // "" where no id does
	frame *frame.Frame    // nil likewise
}

// cursorAt returns what tells a subscriber the id that stands for its place, and that id; the frame is nil where no id does. The
// lock is held.
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

// idBefore returns the id with which a subscriber comes back to a place, or to one a little before that.
func (st *stream) idBefore(at replay.Position) sse.ID {
	switch {
	case !st.settings.HasID && at.Offset == 0:
		return startID(at.Epoch)
	case !st.settings.HasID:
		return positionID(replay.Position{Epoch: at.Epoch, Offset: at.Offset - 1})
	}
	state := st.log.State()
	from := replay.Position{Epoch: at.Epoch, Offset: max(state.First, at.Offset-min(at.Offset, readAtOnce))}
	if from.Offset >= at.Offset {
		return sse.ID{}
	}
	events, err := st.log.Read(nil, from, int(at.Offset-from.Offset))
	if err != nil {
		return sse.ID{}
	}
	for i := len(events) - 1; i >= 0; i-- {
		id, err := sse.ParseID(events[i].ID)
		if err != nil {
			continue
		}
		if _, ok := st.behind(events[i].ID, state); ok {
			return id
		}
		return sse.ID{} // an older one would bring events again
	}
	return sse.ID{}
}
