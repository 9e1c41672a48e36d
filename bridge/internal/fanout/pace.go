package fanout

import (
	"math"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// A stream with a pace gives its events in rounds. A round begins when the log shows more to the subscribers and calls them. It
// begins with an event, if the last one began long enough ago, and otherwise at the end of that time. Between two rounds the log
// grows, but subscribers read only up to where the newest round has begun. So it does not matter when a subscriber is called, or
// whether it reads for another reason. All that is not an event, and the end of the stream, begins no round and waits for none.
//
// A subscriber that gets a place reads the whole log at once. That is a round of its own.

// Pace says how subscribers of a stream are given events. The zero value gives each event at once.
type Pace struct {
	// Every is the shortest time between the beginnings of two rounds; 0 is no time. It counts as a quarter of the age that the log
	// may have where it is longer.
	Every time.Duration
	// Newest says that of the events of a round that have the same subject only the newest one is given. See [replay.Subject].
	Newest bool
}

// every returns the time between two rounds, 0 for none. What waits must not become too old for the log.
func (s *Settings) every() time.Duration {
	if s.Bounds.Age > 0 {
		return max(0, min(s.Pace.Every, s.Bounds.Age/4))
	}
	return max(0, s.Pace.Every)
}

// rounds spaces rounds. The lock of the stream guards it.
type rounds struct {
	every time.Duration
	begin func()    // begins a round that had to wait. It is called without the lock, and may find that it is too early
	last  time.Time // when the newest round began that had events
	timer *time.Timer
}

// due reports whether a round may begin now. Where it may not, begin is called when it may.
func (r *rounds) due() bool {
	wait := r.every - time.Since(r.last)
	if wait > 0 && r.timer == nil {
		r.timer = time.AfterFunc(wait, r.begin)
	}
	return wait <= 0
}

// begun notes that a round with events begins.
func (r *rounds) begun() {
	r.last = time.Now()
	r.stop()
}

func (r *rounds) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// pace is the pace of a stream, nil for a stream without one. The stream's lock guards it.
type pace struct {
	rounds

	shown   replay.Position // the place up to which the newest round has shown the log
	skipped int             // events that were skipped for subscribers since the hook was called
	// logged and kept say how many events the last rounds had, and how many of these were given.
	logged, kept float64
}

// newPace returns the pace of a stream.
func newPace(st *stream) *pace {
	every := st.settings.every()
	if every == 0 {
		return nil
	}
	return &pace{rounds: rounds{every: every, begin: st.roundIsDue}}
}

// beginsRound reports whether subscribers are called because the log has changed.
func (st *stream) beginsRound() bool {
	if st.pace == nil {
		return true
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	now := st.log.State()
	p := st.pace
	if now.Epoch == p.shown.Epoch && now.Next == p.shown.Offset && st.end == nil {
		return now.Epoch == "" // the log is closed, or another change has begun the round
	}
	if now.Epoch != p.shown.Epoch || st.end != nil || st.crowded() || p.due() {
		st.show(now)
		return true
	}
	return false
}

// roundIsDue begins a round that had to wait.
func (st *stream) roundIsDue() {
	st.mu.Lock()
	p := st.pace
	p.timer = nil
	now := st.log.State()
	begins := !st.released && now.Epoch == p.shown.Epoch && now.Next > p.shown.Offset && p.due()
	if begins {
		st.show(now)
	}
	st.mu.Unlock()
	if begins {
		st.watchers.notify()
	}
}

// hurry begins a round at once, because no event may follow for a while: the upstream stream has ended.
func (st *stream) hurry() {
	if st.pace == nil {
		return
	}
	st.mu.Lock()
	st.show(st.log.State())
	st.mu.Unlock()
	st.watchers.notify()
}

// show shows the log to the subscribers, as a round. The lock is held.
func (st *stream) show(now replay.State) {
	p := st.pace
	if p == nil {
		return
	}
	from := p.shown
	if from.Epoch != now.Epoch || from.Offset < now.First {
		from = now.Start()
	}
	if now.Next > from.Offset {
		p.begun()
		st.weigh(from, now.Next)
	}
	p.shown = now.End()
	st.tellSuperseded()
}

// tellSuperseded calls the hook for the events that were skipped. The lock is held.
func (st *stream) tellSuperseded() {
	if p := st.pace; p != nil && p.skipped > 0 {
		st.registry.Hooks.superseded(st, p.skipped)
		p.skipped = 0
	}
}

// crowded reports whether what waits for the next round takes so much of the log that the log may lose some of it. The lock is
// held.
func (st *stream) crowded() bool {
	b, lag := &st.settings.Bounds, st.log.Lag(st.pace.shown)
	return lag.Share > waitingShare ||
		b.Events > 0 && float64(lag.Events) > waitingShare*float64(b.Events) ||
		b.Bytes > 0 && float64(lag.Bytes) > waitingShare*float64(b.Bytes)
}

// waitingShare is the share of the log that may wait for the next round. It is half of [overdueShare], so that subscribers have time
// to read.
const waitingShare = 0.25

// weigh counts the events of a round.
func (st *stream) weigh(from replay.Position, to uint64) {
	p := st.pace
	if !st.settings.Pace.Newest {
		return
	}
	if p.logged >= weighed {
		p.logged, p.kept = p.logged/2, p.kept/2
	}
	p.logged += float64(to - from.Offset)
	p.kept += float64(st.log.CountNewest(from, to))
}

// weighed is how many events count in full for how many of them are skipped.
const weighed = 64

// spread returns how many events of the log about so many given events stand for.
func (st *stream) spread(given int) uint64 {
	if p := st.pace; p != nil && p.kept > 0 {
		return uint64(math.Ceil(float64(given) * p.logged / p.kept))
	}
	return uint64(given)
}

// upTo returns the offset up to which the subscriber is shown the log now. The lock is held.
func (s *Subscriber) upTo() uint64 {
	switch p := s.stream.pace; {
	case p == nil, s.stream.end != nil:
		return math.MaxUint64
	case p.shown.Epoch == s.pos.Epoch:
		return max(p.shown.Offset, s.pos.Offset+uint64(s.own))
	}
	return s.pos.Offset + uint64(s.own)
}

// readAlone has the subscriber read all that the log has now, as a round of its own, because it has got another place.
func (s *Subscriber) readAlone() {
	if s.stream.pace != nil {
		next := s.stream.log.State().Next
		s.own = uint32(min(next-min(next, s.pos.Offset), math.MaxUint32))
	}
}

// use notes that the place moves by so many events.
func (s *Subscriber) use(events uint64) { s.own -= uint32(min(uint64(s.own), events)) }

var _ pump.Hurried = (*Subscriber)(nil)

// Hurry implements [pump.Hurried].
func (s *Subscriber) Hurry() {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.own = math.MaxUint32
}

// noteSkipped counts the events that a subscriber skips whose place is at an offset, when it passes events. The lock is held.
func (st *stream) noteSkipped(from uint64, passed []replay.Entry) {
	if st.pace == nil || !st.settings.Pace.Newest {
		return
	}
	given := 0
	for i := len(passed) - 1; i >= 0 && passed[i].Offset >= from; i-- { // those before are last values
		given++
	}
	st.pace.skipped += int(passed[len(passed)-1].Offset+1-from) - given
}

// received returns since when an event of the log counts as late: since it came, or since the beginning of its round.
func (st *stream) received(e *replay.Entry) time.Time {
	came := e.At()
	at := came
	if p := st.pace; p != nil {
		if at = at.Add(p.every); at.After(p.last) {
			at = p.last
		}
		if at.Before(came) {
			at = came
		}
	}
	return at
}
