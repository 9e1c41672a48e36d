package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// waiters are the subscribers that came while the stream was filling. The stream's lock guards them.
type waiters map[*Subscriber]waiter

// waiter is what a subscriber came with that waits.
type waiter struct {
	malformed bool
	open      func() (Settings, reading.Upstream)
	early     bool // the upstream had not accepted when the filling was over
}

func (all waiters) any() bool { return len(all) > 0 }

// trimmed returns the waiters, and nil where there are none: the memory of the map is given back, since each stream has one.
func (all waiters) trimmed() waiters {
	if len(all) == 0 {
		return nil
	}
	return all
}

// isFilling reports whether a subscriber must wait for its place. The lock is held.
func (st *stream) isFilling() bool { return st.filling && st.end == nil }

// wait has a new subscriber wait for the end of the filling.
func (s *Subscriber) wait(malformed bool, open func() (Settings, reading.Upstream)) {
	st := s.stream
	if st.waiters == nil {
		st.waiters = waiters{}
	}
	st.waiters[s] = waiter{malformed: malformed, open: open, early: !st.accepted}
	s.early, s.reported = true, true
}

// endFilling has the subscribers begin that have waited. A subscriber that came with an id begins at its next read, because its
// topic may change then. The lock is held.
func (st *stream) endFilling() {
	if !st.filling {
		return
	}
	st.filling = false
	for s, w := range st.waiters {
		if w.early = !st.accepted; s.lastID == "" {
			delete(st.waiters, s)
			s.begin(w.malformed, w.early, w.open)
			continue
		}
		st.waiters[s] = w
	}
	st.waiters = st.waiters.trimmed()
}

// resumes has a subscriber go on behind the last id that it has had, as if it had come with it, where the log of a follower has
// begun anew because the owner's log is another one. It reports whether the stream goes on behind ids. Otherwise the subscriber
// is told that the epoch is over.
func (s *Subscriber) resumes() bool {
	st := s.stream
	if !st.follows || !st.catchesUp() || !s.anchored || s.lastID == "" || st.end != nil {
		return false
	}
	s.displace(ending.NoReset, false)
	s.resume(st.member.open)
	st.catchUps.noteBusy()
	return true
}

// stillWaits has a subscriber begin that has waited. It reports whether the subscriber waits on.
func (s *Subscriber) stillWaits() bool {
	st := s.stream
	w, waits := st.waiters[s]
	if !waits || st.isFilling() {
		return waits
	}
	delete(st.waiters, s)
	st.waiters = st.waiters.trimmed()
	s.begin(w.malformed, w.early, w.open)
	st.catchUps.noteBusy()
	return false
}
