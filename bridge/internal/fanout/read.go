package fanout

import (
	"errors"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// gather fills an empty batch with what follows the subscriber's place: events of about limit bytes, or one event of any size.
// It returns the end of the stream where nothing follows the batch. The stream's lock is held.
func (s *Subscriber) gather(b *batch, limit int) *pump.End {
	st := s.stream
	if s.closed || st.waiters.any() && s.stillWaits() {
		return nil
	}
	if s.via != nil {
		if end, on := s.follow(b, limit); on {
			return end
		}
	}
	atEnd, ok := s.read(b, limit)
	if !ok {
		return st.slowEnd()
	}
	if s.pos.Epoch == "" && st.isFilling() { // it is told why it lost its place once it has another one, which may have a reason too
		return nil
	}
	s.addNotices(b, atEnd && st.end == nil)
	s.link(b)
	// No notice follows events that were passed: what begins one calls the watchers. The walk through the last values ends at the next read.
	b.whole = atEnd && st.end == nil && b.stale == nil && s.walk == walked
	if atEnd && st.end != nil && b.reaches(st.endAt, s.pos) {
		return st.end
	}
	return nil
}

// read fills the batch with events. A subscriber without a place gets one first, unless the log is filling. Where the log no longer
// holds the next event, the subscriber gets another place. ok is false where the subscriber was too slow and must be ended.
func (s *Subscriber) read(b *batch, limit int) (atEnd, ok bool) {
	s.skipAhead()
	for range placesAtOnce {
		if s.ahead {
			s.arrive()
		}
		if s.doubtful {
			s.doubt()
		}
		if s.pos.Epoch == "" && (s.stream.isFilling() || !s.place()) {
			return true, true
		}
		atEnd, err := s.collect(b, limit)
		switch {
		case !errors.Is(err, replay.ErrGone):
			return atEnd || err != nil, true
		case s.stream.log.State().Epoch != s.pos.Epoch && s.stream.isFilling():
			return false, true // it is called again when the log is filled
		case s.stream.log.State().Epoch != s.pos.Epoch && s.resumes():
			if s.via != nil {
				return false, true // its topic has changed, so it is called again
			}
		case s.stream.log.State().Epoch != s.pos.Epoch && s.anchored && !s.started:
			s.strand(ending.ResetEpoch, true)
		case s.stream.log.State().Epoch != s.pos.Epoch && s.started:
			s.displace(ending.ResetEpoch, true)
		case s.stream.log.State().Epoch != s.pos.Epoch: // it was given nothing, so it misses nothing of the earlier epoch
			s.pos, s.early = replay.Position{}, true
		case !s.started: // the place was lost before the first read
			s.overtaken()
		case s.pos.Epoch == s.stream.leap.Epoch && s.pos.Offset < s.stream.leap.Offset: // the replica was slow, not its subscriber
			s.displace(ending.ResetExpired, false)
		case s.stream.settings.Skip:
			s.skip()
		default:
			return false, false
		}
	}
	return false, true // the log grew in between each time; the subscriber is called again
}

// placesAtOnce is how many places a subscriber is given at most before it reads from one.
const placesAtOnce = 10

// skipAhead has the subscriber skip events if it was overdue when it could not take anything, and is still far behind.
func (s *Subscriber) skipAhead() {
	if s.behind && s.lags(s.stream.log.State()) {
		s.skip()
	}
	s.behind = false
}

// lags reports whether the subscriber is so far behind in its epoch that it may lose events.
func (s *Subscriber) lags(state replay.State) bool {
	return s.pos.Epoch == state.Epoch && s.stream.log.Lag(s.pos).Share > overdueShare
}

func (s *Subscriber) skip() {
	s.displace(ending.ResetSlow, false)
	s.stream.registry.Hooks.skipped(s.stream)
}

// collect fills the batch with events from the subscriber's place on. atEnd says that the log shows no more events.
func (s *Subscriber) collect(b *batch, limit int) (atEnd bool, err error) {
	if s.walk != walked {
		if full, err := s.collectValues(b, limit); full || err != nil {
			return false, err
		}
	}
	b.from = s.pos.Offset
	for at, to := s.pos, s.upTo(); ; {
		n := len(b.events)
		b.events, err = s.stream.log.ReadNewest(b.events, at, to, readAtOnce)
		switch got := len(b.events) - n; {
		case err != nil && n > 0: // the batch has no gap; the next read finds the error again
			return false, nil
		case err != nil:
			return true, err
		case b.cut(n, limit):
			return false, nil
		case got < readAtOnce:
			return true, nil
		default:
			at.Offset = b.events[len(b.events)-1].Offset + 1
		}
	}
}

// readAtOnce is how many events are read in one call.
const readAtOnce = 64

// collectValues fills the batch with the last values that the subscriber has not read yet. It reports whether the batch is
// full.
func (s *Subscriber) collectValues(b *batch, limit int) (full bool, err error) {
	st := s.stream
	if state := st.log.State(); state.Epoch != s.pos.Epoch || state.First > s.pos.Offset {
		return false, replay.ErrGone
	}
	for from := s.walk; ; {
		n := len(b.events)
		b.events = st.follow.values.read(b.events, from, s.pos.Offset, readAtOnce)
		switch {
		case b.cut(n, limit):
			return true, nil
		case len(b.events) > n:
			from = b.events[len(b.events)-1].Offset + 1
			continue
		case n == 0:
			s.walk = walked
			s.settle()
		}
		return false, nil
	}
}

// link finds the event to which the first event of a batch may refer. This is the event before the subscriber's place, if that was
// the last thing written on the subscriber's connection. Only gzip uses such references.
func (s *Subscriber) link(b *batch) {
	if !s.linked || s.form.Encoding != frame.Gzip || len(b.events) == 0 || b.hasNotices() {
		return
	}
	before := s.pos
	if before.Offset--; b.events[0].Offset < s.pos.Offset { // the events are last values
		return
	}
	n := len(b.events)
	all, err := s.stream.log.Entries(b.events, before, 1)
	if err == nil && len(all) > n { // the event before may be evicted
		prev := all[n]
		b.prev = &prev
		clear(all[n:])
	}
	b.events = all[:n]
}

// addNotices adds to a batch the notices that stand beside the events. atEnd says that the batch has all events that the log
// shows, and that the stream has not ended.
func (s *Subscriber) addNotices(b *batch, atEnd bool) {
	st := s.stream
	gap := &st.gap
	if s.lines {
		s.reset, s.told = ending.NoReset, gap.told
		return
	}
	told := s.told
	if told != 0 && told != gap.told {
		b.live, told = st.liveFrame(), 0
	}
	if s.reset != ending.NoReset {
		b.reset = st.resetFrame(s.reset, s.lastID)
	}
	switch {
	case len(b.events) > 0 && s.halved < st.halvings:
		b.retry, b.halved = st.retryFrame(), st.halvings
	case len(b.events) == 0 && atEnd && !s.anchored && s.pos.Epoch != "" && !st.settling.is:
		b.cursor, b.id = st.cursorAt(s.pos)
	}
	if atEnd && told != gap.told {
		b.stale, b.gap = gap.begin, gap.told
	}
}
