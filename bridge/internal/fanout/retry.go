package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that is cut off because it takes too little can resume only if it comes back before the log has given up what it
// lacks. It cannot be told so when it is cut off, for it takes nothing then. So everybody is told a shorter reconnection time, in
// front of an event, as soon as the log turns out to reach back too short a time for the one that it was told. That shows long
// before the log is full, by the rate at which it fills.

// retryShare is which part of the time that the log reaches back a reconnection may take. A subscriber is cut off when it is
// half of the log behind, the time is jittered by a fifth, and the bridge and the network need some too.
const retryShare = 0.25

// fits reports whether the time is looked at again after so many events: after every sixteenth, and more often in the beginning. A
// client that takes too little from the beginning on hears only of what is found then.
func fits(events uint64) bool {
	return events%16 == 0 || events >= 4 && events < 16
}

// fitRetry notes how often the reconnection time must be halved for the log.
func (r *recorder) fitRetry() {
	st := r.stream
	s := &st.settings
	if !fits(r.next.Offset) || s.Skip || s.Retry <= sse.MinRetry {
		return
	}
	reach, known := r.reach()
	if !known {
		return
	}
	halvings := halvings(s.Retry, reach)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.halvings = halvings
}

// reach returns how far back the log reaches, or will when it is full: if events go on to come as fast as all that it has, or as
// fast as the newest quarter of that, whichever is faster. It is not known where all of them came at once and there is room for
// more.
func (r *recorder) reach() (d time.Duration, known bool) {
	log := r.stream.log
	state := log.State()
	from := state.Start()
	size := 1.0 // of the log
	if state.First > 0 {
		size = log.Lag(from).Share // it is full, whatever it has
	}
	age, share := r.pace(from)
	if share == 0 {
		return age, state.First > 0
	}
	d, known = time.Duration(float64(age)*size/share), age >= atOnce || state.First > 0
	if part := retryShare * size / share; part < 1 {
		from.Offset = state.Next - 1 - uint64(part*float64(state.Next-state.First))
		if age, share := r.pace(from); age >= atOnce && share > 0 {
			d = min(d, time.Duration(float64(age)*size/share))
		}
	}
	return d, known
}

// atOnce is in how short a time events come at once.
const atOnce = 100 * time.Millisecond

// pace returns how long ago the event at a place came, and how much of the log those take that came since.
func (r *recorder) pace(at replay.Position) (age time.Duration, share float64) {
	log := r.stream.log
	events, err := log.Read(r.oldest[:0], at, 1)
	if err != nil || len(events) == 0 {
		return 0, 0
	}
	age = time.Since(events[0].At)
	events[0] = nil
	r.oldest = events
	at.Offset++
	return age, log.Lag(at).Share
}

// halvings returns how often a reconnection time is halved, down to the shortest one, for a log that reaches back so long.
func halvings(retry, reach time.Duration) (n uint8) {
	for retry > sse.MinRetry && float64(retry) > retryShare*float64(reach) {
		retry /= 2
		n++
	}
	return n
}

// fitted returns the reconnection time that fits the log, 0 where the route has none. The lock is held.
func (st *stream) fitted() time.Duration {
	if st.settings.Retry == 0 {
		return 0
	}
	return max(st.settings.Retry>>st.halvings, min(st.settings.Retry, sse.MinRetry))
}

// retryFrame tells one subscriber the reconnection time, jittered. It stands in the block of the event that follows. The lock is
// held.
func (st *stream) retryFrame() *frame.Frame {
	return frame.New(sse.AppendRetry(nil, backoff.Jitter(st.fitted())), noData)
}

// Retry implements [pump.Cursor]: it returns a shorter time where the log asks for one.
func (s *Subscriber) Retry(given time.Duration) time.Duration {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	s.halved = st.halvings
	return st.fit(given)
}

// fit returns a reconnection time, or a shorter one where the log asks for that. The lock is held.
func (st *stream) fit(given time.Duration) time.Duration {
	if fitted := st.fitted(); fitted > 0 && !st.settings.Skip {
		return min(given, fitted)
	}
	return given
}

// slowEnd is what a subscriber is told that was too slow. The lock is held.
func (st *stream) slowEnd() *pump.End {
	end := st.settings.Slow
	end.RetryDelay = st.fit(end.RetryDelay)
	return &end
}
