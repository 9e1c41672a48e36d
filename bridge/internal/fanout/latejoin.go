package fanout

import (
	"errors"
	"math"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// LateJoin says what a newcomer gets first: a subscriber that joins after the stream has begun, without an id after which it
// can go on.
type LateJoin struct {
	Mode LateJoinMode
	Keys int // how many keys [LatestBy] keeps; 0 is no bound
}

// LateJoinMode is a kind of [LateJoin].
type LateJoinMode uint8

const (
	None     LateJoinMode = iota // nothing
	All                          // every event in the log
	Latest                       // the newest event
	Since                        // the events from the newest one with a mark on; a reset where that event may be evicted
	LatestBy                     // the newest event of each key, in the order of the log; events without a key are left out
)

// follower reads every event of the log, to know what newcomers get. The stream's lock guards its fields.
type follower struct {
	next    replay.Position // the position of the first event that it has not read
	mark    replay.Position // the position of the newest event with a mark; zero is none
	values  lastValues
	scratch []replay.Entry
	handed  handed
}

// newFollower returns the follower of a stream, nil where newcomers get nothing for which the events must be read.
func newFollower(s *Settings) *follower {
	if mode := s.LateJoin.Mode; mode != Since && mode != LatestBy {
		return nil
	}
	return &follower{values: lastValues{maxKeys: s.LateJoin.Keys, maxBytes: s.Bounds.Bytes}}
}

// bytes returns how many bytes the last values hold.
func (f *follower) bytes() int64 {
	if f == nil {
		return 0
	}
	return f.values.bytes()
}

// take has the follower take over last values of another log.
func (f *follower) take(values handed) {
	if f != nil {
		f.handed = values
	}
}

// trim drops the oldest last values until at most so many bytes are held.
func (f *follower) trim(bytes int64) {
	if f != nil {
		f.values.trim(bytes)
	}
}

// clear drops all last values.
func (f *follower) clear() {
	if f != nil {
		f.values.clear()
	}
}

// handed are last values of another log, whose beginning this log does not have. They are taken over when this log goes on at a
// position. The zero value has none.
type handed struct {
	at     replay.Position
	values []*replay.Event
}

// learnNew has the follower read the new events of the log.
func (st *stream) learnNew() {
	if st.follow == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.followLog()
}

// followLog is learnNew with the stream's lock held.
func (st *stream) followLog() {
	f := st.follow
	for {
		events, err := st.log.Entries(f.scratch[:0], f.next, followAtOnce)
		switch {
		case errors.Is(err, replay.ErrGone) && st.refollow():
			continue
		case err != nil || len(events) == 0:
			return
		}
		for i := range events {
			st.learn(&events[i])
		}
		f.next.Offset += uint64(len(events))
		clear(events)
		f.scratch = events[:0]
	}
}

// followAtOnce is how many events the follower reads in one call.
const followAtOnce = 64

// refollow has the follower go on at the oldest held event of the current epoch. It reports false before the first epoch.
func (st *stream) refollow() bool {
	state := st.log.State()
	if state.Epoch == "" {
		return false
	}
	if state.Epoch != st.follow.next.Epoch {
		st.follow.clear()
		st.follow.mark = replay.Position{}
	}
	if h := st.follow.handed; h.at.Epoch == state.Epoch && h.at.Offset <= state.First {
		st.follow.clear()
		for _, e := range h.values {
			entry := e.Entry()
			st.learn(&entry)
		}
	}
	st.follow.handed = handed{}
	st.follow.next = state.Start()
	return true
}

// learn notes what newcomers need to know about an event.
func (st *stream) learn(e *replay.Entry) {
	if e.Mark() {
		st.follow.mark = replay.Position{Epoch: e.Epoch(), Offset: e.Offset}
	}
	if st.settings.LateJoin.Mode == LatestBy && e.Key() != "" && !st.released {
		st.follow.values.put(e.Event())
	}
}

// joinLate gives the subscriber the place of a newcomer. The stream's lock is held.
func (s *Subscriber) joinLate() {
	st := s.stream
	if st.follow != nil {
		st.followLog()
	}
	state := st.log.State()
	at := state.End()
	switch st.settings.LateJoin.Mode {
	case None:
	case All:
		at = state.Start()
	case Latest:
		if state.First < state.Next {
			at.Offset--
		}
	case Since:
		if mark := st.follow.mark; mark.Epoch == state.Epoch && mark.Offset >= state.First && mark.Offset < state.Next {
			at = mark
		} else if state.First > 0 && s.reset == ending.NoReset {
			s.reset = ending.ResetExpired // the newest event with a mark may be evicted
		}
	case LatestBy:
		if st.follow.next.Epoch == state.Epoch {
			s.pos, s.walk, s.near = st.follow.next, 0, false
			s.readAlone()
			return
		}
	}
	s.put(at)
}

// walked is the value of walk for a subscriber that has read all last values.
const walked = math.MaxUint64
