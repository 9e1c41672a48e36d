package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that falls behind is cut off, or skips events. This happens while the log still holds the events with which it
// can go on after it comes back. A subscriber is late when it is more than half of the log behind. Being late is not enough to
// be cut off, because a burst of events makes every subscriber late. A late subscriber that comes nearer to the end of the log
// is catching up. A late subscriber that does not come nearer for a while takes too little, or nothing.

// overdueShare is the share of the log that a subscriber may be behind without being late.
const overdueShare = 0.5

// lateness is what is known of a subscriber while it is late.
type lateness struct {
	least uint64    // the smallest number of events that its client has lacked since it is late
	since time.Time // when least last became smaller
}

// Overdue implements [pump.Cursor]. A subscriber that may skip is never overdue: it skips at its next read instead.
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

// hopeless reports whether the number of events that the client lacks has not become smaller for a while.
func (s *Subscriber) hopeless(lacks uint64) bool {
	if s.late == nil || lacks < s.late.least {
		s.late = &lateness{least: lacks, since: time.Now()}
		return false
	}
	return time.Since(s.late.since) >= pump.OverduePatience
}

// has returns the place up to which the client has events. This place is before the subscriber's place where the client lacks
// events that it was given, and behind it where lacks is negative.
func (s *Subscriber) has(lacks int, state replay.State) replay.Position {
	at := s.pos
	if lacks > 0 {
		at.Offset -= min(at.Offset, s.stream.spread(lacks))
	} else {
		at.Offset = max(at.Offset, min(state.Next, at.Offset+s.stream.spread(-lacks)))
	}
	return at
}

// isLate reports whether the subscriber is in danger of losing events. A subscriber that has not yet caught up since it got its
// place is late only when its next event is evicted.
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

// worthIt reports whether cutting off a client helps the client, where the client lacks events only among those that it was
// given. from is its first missing event. Cutting off does not help where the client would skip anyway, or where the log no
// longer holds that event. It does not help either where events come so fast that they are still on their way to the client.
func (st *stream) worthIt(from replay.Position, state replay.State) bool {
	return !st.settings.Skip && from.Offset >= state.First && st.log.Age(from) >= sse.MinRetry
}
