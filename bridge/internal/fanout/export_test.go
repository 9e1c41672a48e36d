package fanout

import "github.com/grpcsse/grpcsse/bridge/internal/replay"

// Appender is what takes the events of a stream.
type Appender = appender

// AppendInto has the events of each stream appended to what into returns. It is called before any other method.
func (r *Registry) AppendInto(into func(log *replay.Ring) Appender) { r.into = into }

// MeetAtOneEvent has a catch-up meet the log at one event with the same id, whatever the events before it are.
func (r *Registry) MeetAtOneEvent() {
	r.place = func(log *replay.Ring, sure *sureness, pair neighbours) (at replay.Position, ok bool) {
		behind, ok := log.Find(pair.id)
		if !ok || !sure.covers(behind) {
			return replay.Position{}, false
		}
		behind.Offset--
		return behind, true
	}
}

// TrustAllIDs has all ids of an epoch be sure.
func (r *Registry) TrustAllIDs() { r.sure = 0 }

// NewestID returns the id of the newest event that a log had when its state was read.
var NewestID = newestID

// ReadsNoCatchUps reports whether no further catch-up is read, because the registry closes.
func (r *Registry) ReadsNoCatchUps() bool {
	r.readers.mu.Lock()
	defer r.readers.mu.Unlock()
	return r.readers.closed
}

// CatchUpBytes returns how many bytes the catch-ups hold together.
func (r *Registry) CatchUpBytes() int64 { return r.catchUpBytes.Load() }

// Holders returns how many streams the registry knows whose catch-ups hold bytes.
func (r *Registry) Holders() int { return len(r.holders.list()) }

// CatchUpsLeft returns how many catch-ups of the subscriber's stream hold events, and how many wait for the log to begin.
func (s *Subscriber) CatchUpsLeft() (held, early int) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	return len(s.stream.catchUps.held), len(s.stream.catchUps.early)
}

// FenceByPosition has only the position of an event fence a replica that has lost the key.
func (r *Registry) FenceByPosition() { r.weak.byPosition = true }

// TakeAnyTerm has a follower take pages of lower terms.
func (r *Registry) TakeAnyTerm() { r.weak.anyTerm = true }
