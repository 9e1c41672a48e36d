package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// resume gives the subscriber the place behind the event whose id it came with. Where the log does not show that event, or
// cannot tell which of several events it is, the subscriber becomes a newcomer and is told why. An event that brings the id
// later does not help: it is another event, or it follows events that the subscriber has not had. Where the stream catches up,
// the subscriber reads what follows its id elsewhere. The stream's lock is held.
func (s *Subscriber) resume(open func() (Settings, reading.Upstream)) {
	state := s.stream.log.State()
	at, ok := s.stream.behind(s.lastID, state)
	switch {
	case ok:
		s.put(at)
		s.anchored = true
	case s.stream.catchesUp():
		s.reset = s.join(open)
	default:
		s.reset = s.stream.lost(s.lastID, state)
	}
}

// behind returns the place behind the event with an id.
func (st *stream) behind(id string, state replay.State) (at replay.Position, ok bool) {
	switch {
	case st.catchesUp():
		at, ok = st.log.Find(id)
		return at, ok && st.sure.covers(at)
	case st.settings.HasID && st.past.reason(id) != ending.NoReset:
		return replay.Position{}, false
	case st.settings.HasID:
		return st.log.Find(id)
	}
	at, ok = parsePosition(id)
	return at, ok && at.Epoch == state.Epoch && at.Offset >= state.First && at.Offset <= state.Next+st.mayLack()
}

// mayLack returns how many events the log may lack that a subscriber has had from another replica.
func (st *stream) mayLack() uint64 {
	if st.follows {
		return aheadAtMost
	}
	return 0
}

// aheadAtMost is how far a subscriber may be ahead of the log of a replica that follows.
const aheadAtMost = 1024

// lost returns why there is no place behind the event with an id.
func (st *stream) lost(id string, state replay.State) ending.Reset {
	if st.settings.HasID {
		if why := st.past.reason(id); why != ending.NoReset {
			return why
		}
		return ending.ResetExpired
	}
	at, own := parsePosition(id)
	switch {
	case own && at.Epoch != state.Epoch:
		return ending.ResetEpoch
	case own && at.Offset <= state.Next:
		return ending.ResetExpired
	}
	return ending.ResetInvalid
}

// place gives the subscriber the place of a newcomer. It reports false where the log has no epoch yet. The stream's lock is
// held.
func (s *Subscriber) place() bool {
	state := s.stream.log.State()
	switch {
	case state.Epoch == "":
		return false
	case s.early && state.First == 0:
		s.put(state.Start())
	default:
		s.joinLate()
	}
	return true
}

// put gives the subscriber a place.
func (s *Subscriber) put(at replay.Position) {
	s.pos, s.walk, s.near, s.caught, s.late = at, walked, false, false, nil
	s.readAlone()
	s.settle()
}

// settle notes whether the subscriber is near the end of the log.
func (s *Subscriber) settle() {
	if !s.near && s.walk == walked {
		s.near = s.stream.log.Lag(s.pos).Share <= overdueShare
	}
}

// displace takes the place from a subscriber, which is then told the reason. early says that the subscriber gets the whole
// epoch where the log still holds it.
func (s *Subscriber) displace(reason ending.Reset, early bool) {
	s.pos, s.reset, s.early, s.started = replay.Position{}, reason, early, false
	s.anchored, s.linked, s.ahead, s.doubtful = false, false, false, false
}

// strand is displace for a subscriber that could not go on after the id that it came with.
func (s *Subscriber) strand(reason ending.Reset, early bool) {
	s.resumed = ending.ByReset(reason)
	s.displace(reason, early)
}

// overtaken takes the place from a subscriber that has not read from it yet: the log no longer holds the next event.
func (s *Subscriber) overtaken() {
	s.pos = replay.Position{}
	if s.anchored { // it came with an id
		s.anchored, s.reset = false, ending.ResetExpired
		s.resumed = ending.ByReset(ending.ResetExpired)
	}
}
