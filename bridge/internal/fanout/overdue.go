package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that falls behind is cut off, or skips, while the log still has what it needs to go on when it comes back. It is
// late when it is more than half of the log behind. That alone is no reason: a burst makes everybody late. A late subscriber that
// comes nearer to the end of the log is catching up. One that does not, for a while, takes nothing or too little.

// overdueShare is how much of its log a subscriber may be behind that does not come nearer.
const overdueShare = 0.5

// lateness is what is known of a subscriber since it is late.
type lateness struct {
	least uint64    // the least number of events that its client lacked
	since time.Time // since when it has not lacked fewer
}

// Overdue implements [pump.Cursor]. One who may skip never is, but skips when it reads again.
func (s *Subscriber) Overdue(lacks int, stalled bool) bool {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	state := st.log.State()
	has := s.has(lacks, state)
	switch {
	case s.closed || !s.started || !s.isLate(has, state):
		s.late = nil
		return false
	case !stalled && !s.hopeless(state.Next-min(state.Next, has.Offset)):
		return false
	}
	s.late = nil
	s.behind = st.settings.Skip
	return !s.behind
}

// hopeless reports whether the client has lacked so many events or fewer for a while.
func (s *Subscriber) hopeless(lacks uint64) bool {
	if s.late == nil || lacks < s.late.least {
		s.late = &lateness{least: lacks, since: time.Now()}
		return false
	}
	return time.Since(s.late.since) >= pump.OverduePatience
}

// has returns the place up to which the client has had events: it lacks some of those before the subscriber's place, or has some
// of those behind it.
func (s *Subscriber) has(lacks int, state replay.State) replay.Position {
	at := s.pos
	if lacks > 0 {
		at.Offset -= min(at.Offset, uint64(lacks))
	} else {
		at.Offset = max(at.Offset, min(state.Next, at.Offset+uint64(-lacks)))
	}
	return at
}

// isLate reports whether the subscriber is in danger of losing what follows. One that has not caught up since it came is late
// only when its next event is gone.
func (s *Subscriber) isLate(has replay.Position, state replay.State) bool {
	log := s.stream.log
	place := s.pos
	place.Offset = max(place.Offset, has.Offset)
	switch share := log.Lag(has).Share; {
	case place.Epoch != state.Epoch:
		return false
	case place.Offset < state.First:
		return true
	case !s.near:
		return false
	case share <= overdueShare:
		s.caught = true
		return false
	}
	return log.Lag(place).Share > overdueShare || s.caught && s.stream.worthIt(has, state)
}

// worthIt reports whether it is worth cutting off a client that lacks events from a place on, only because of those that it was
// given. It is not where that saves nothing: where the client skips, or where the log does not have those events any more. Nor
// is it on a stream so fast that the way to the client alone takes that long.
func (st *stream) worthIt(from replay.Position, state replay.State) bool {
	if st.settings.Skip || from.Offset < state.First {
		return false
	}
	var one [1]*replay.Event
	events, err := st.log.Read(one[:0], from, 1)
	return err == nil && len(events) > 0 && time.Since(events[0].At) >= sse.MinRetry
}
