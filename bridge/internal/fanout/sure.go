package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// sureAfter is how long after its acceptance an upstream stream that was opened without a cursor may still be bringing a
// snapshot.
const sureAfter = 300 * time.Millisecond

// sureness says from where on the ids of an epoch tell what follows them. An upstream stream that is opened without a cursor may
// begin with a snapshot, whose ids are in any order. The event behind such an id in the log is not the event that follows the id
// elsewhere. So no subscriber gets a place by it, and no catch-up meets the log there.
type sureness struct {
	epoch   string
	since   time.Time // from then on a new event is sure
	known   bool      // from is known
	from    uint64    // the offset of the first event that is no part of a snapshot
	resumed bool      // that event follows the id of the last event of a snapshot
}

// covers reports whether the place behind an event is sure.
func (s *sureness) covers(behind replay.Position) bool {
	return s.known && behind.Epoch == s.epoch && behind.Offset > s.from
}

// begin begins the sureness of a new epoch, whose upstream stream was accepted now. after is how long that stream may bring a
// snapshot.
func (s *sureness) begin(epoch string, after time.Duration) {
	*s = sureness{epoch: epoch, since: time.Now().Add(after)}
}

// note says that an event is about to get an offset. The upstream stream that brings the event may have been opened with the id
// of the newest event in the log: then it brings no snapshot.
func (s *sureness) note(offset uint64, resumed bool) {
	if !s.known && (resumed || !time.Now().Before(s.since)) {
		s.known, s.from, s.resumed = true, offset, resumed
	}
}

// beginSureness begins the sureness of an epoch that is about to begin.
func (st *stream) beginSureness(epoch string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sure.begin(epoch, st.registry.sure)
}

// noteSureness notes the sureness of the next event, and reports whether its id is sure.
func (st *stream) noteSureness(next uint64, resumed bool) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sure.note(next, resumed)
	return st.sure.known
}
