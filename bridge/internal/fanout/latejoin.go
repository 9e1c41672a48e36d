package fanout

import (
	"errors"
	"math"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// LateJoin is what a subscriber gets at once that comes when the stream has begun, and has nothing to go on after.
type LateJoin struct {
	Mode LateJoinMode
	Keys int // of [LatestBy]: how many are kept; 0 is no bound
}

// LateJoinMode is a kind of [LateJoin].
type LateJoinMode uint8

const (
	None     LateJoinMode = iota // nothing
	All                          // every event in the log
	Latest                       // the newest event
	Since                        // the events from the newest one with a mark; nothing, and a reset, where that may be gone
	LatestBy                     // the newest event of each key, in the order of the log; those without a key are left out
)

// follower reads the log for what newcomers are to get, event by event.
type follower struct {
	next    replay.Position // of the first event that it has not read
	mark    replay.Position // of the newest event with a mark; zero where none had one
	scratch []*replay.Event
}

// catchUp reads what is new in the log.
func (st *stream) catchUp() {
	if mode := st.settings.LateJoin.Mode; mode != Since && mode != LatestBy {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.followLog()
}

// followLog is catchUp with the lock held.
func (st *stream) followLog() {
	f := &st.follow
	for {
		events, err := st.log.Read(f.scratch[:0], f.next, followAtOnce)
		switch {
		case errors.Is(err, replay.ErrGone) && st.refollow():
			continue
		case err != nil || len(events) == 0:
			return
		}
		for _, e := range events {
			st.learn(e)
		}
		f.next.Offset += uint64(len(events))
		clear(events)
		f.scratch = events[:0]
	}
}

// followAtOnce is how many events the follower reads at once.
const followAtOnce = 64

// refollow goes on at the oldest event that there is, in the epoch that there is. It reports false where there is none.
func (st *stream) refollow() bool {
	state := st.log.State()
	if state.Epoch == "" {
		return false
	}
	if state.Epoch != st.follow.next.Epoch {
		st.values.clear()
		st.follow.mark = replay.Position{}
	}
	st.follow.next = state.Start()
	return true
}

// learn notes what newcomers have to know of an event.
func (st *stream) learn(e *replay.Event) {
	if e.Mark {
		st.follow.mark = e.Position
	}
	if st.settings.LateJoin.Mode == LatestBy && e.Key != "" && !st.released {
		st.values.put(e)
	}
}

// joinLate puts the subscriber where a newcomer begins. The stream's lock is held.
func (s *Subscriber) joinLate() {
	st := s.stream
	if mode := st.settings.LateJoin.Mode; mode == Since || mode == LatestBy {
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
			s.reset = ending.ResetExpired // what it should begin with may have been given up
		}
	case LatestBy:
		if st.follow.next.Epoch == state.Epoch {
			s.pos, s.walk, s.near = st.follow.next, 0, false
			return
		}
	}
	s.put(at)
}

// walked is the place of a subscriber in the last values that has none to go through.
const walked = math.MaxUint64
