package fanout

import "github.com/grpcsse/grpcsse/bridge/replay"

// place gives the subscriber a place in the log, and reports false where there is none yet: the upstream has not accepted, or
// the id may still come. The stream's lock is held.
func (s *Subscriber) place() bool {
	state := s.stream.log.State()
	if state.Epoch == "" {
		return false
	}
	if s.cursor {
		if s.resume(state) {
			return true
		}
		if s.reset = s.lost(state); s.reset == noReset {
			return false
		}
		s.cursor = false
	}
	if s.early && state.First == 0 {
		s.put(state.Start())
	} else {
		s.joinLate()
	}
	return true
}

// put gives the subscriber a place.
func (s *Subscriber) put(at replay.Position) {
	s.pos, s.walk, s.near = at, walked, false
	s.settle()
}

// settle notes whether the subscriber has come near the end of the log.
func (s *Subscriber) settle() {
	if !s.near && s.walk == walked {
		s.near = s.stream.log.Lag(s.pos).Share <= overdueShare
	}
}

// displace takes the place from a subscriber that is to be told why. early says that it is to get all of the epoch, if it can.
func (s *Subscriber) displace(reason resetReason, early bool) {
	s.pos, s.reset, s.early, s.cursor, s.started = replay.Position{}, reason, early, false, false
	s.linked = false
}

// resume puts the subscriber behind the event whose id it came with, and reports false where the log does not have that.
func (s *Subscriber) resume(state replay.State) bool {
	at, ok := s.stream.log.Find(s.lastID)
	if !ok && !s.stream.settings.HasID { // the event may be gone that the next one, which is there, follows
		if at, ok = parsePosition(s.lastID); ok {
			at.Offset++
			ok = at.Epoch == state.Epoch && at.Offset >= state.First && at.Offset <= state.Next
		}
	}
	if ok {
		s.put(at)
	}
	return ok
}

// lost returns why the log does not have the id that the subscriber came with, or noReset where it may still come.
func (s *Subscriber) lost(state replay.State) resetReason {
	st := s.stream
	if s.lastID == st.refused {
		return invalid
	}
	if st.settings.HasID {
		if st.fresh.is {
			return noReset
		}
		return expired
	}
	at, own := parsePosition(s.lastID)
	switch {
	case own && at.Epoch != state.Epoch:
		return lostEpoch
	case own && at.Offset < state.Next:
		return expired
	}
	return invalid
}
