package pump

import "time"

// parked is a subscriber without a goroutine. All of it belongs to its loop.
type parked struct {
	sock  socket
	cur   Cursor
	s     *Settings
	done  func(Outcome) // nil once it was called
	group *group
	rest  []byte // of a piece that was cut: it goes out first, and the cursor is not asked for more before
	end   *End   // what the stream is to end with: of the loop's own accord, or, in the stage last, of the cursor's

	taken  time.Duration // when the client last took something; while it takes nothing, since when
	behind int           // while it takes nothing, how many bytes were on their way to it when that was last looked at
	ends   time.Duration // when the loop ends the stream; never, where nothing limits it
	bytes  int64
	events int

	key     key
	place   int32  // in the group
	tick    uint32 // of its entry in the clock,
	ticking bool   // where it has one
	stage   stage
	drained bool // whether it is a drain that ends the stream, and not its age
	blocked bool // whether the client takes nothing until an event says that it does
	queued  bool // whether it stands in line for a visit
}

// stage is how far a stream has come.
type stage uint8

const (
	fresh   stage = iota // nothing was written
	running              // it was opened
	parting              // its end was due and did not fit: it follows the rest, and nothing else does
	last                 // the rest is of its end
)

// outcome is how the stream went.
func (p *parked) outcome(reason string, err error) Outcome {
	return Outcome{Reason: reason, Events: p.events, Bytes: p.bytes, Err: err}
}

// due is when the subscriber has to be looked at although nothing happens; never, where that never comes.
func (p *parked) due(now time.Duration) time.Duration {
	due := never
	if p.end == nil {
		due = p.ends
	}
	switch {
	case p.blocked && p.s.WriteTimeout > 0:
		due = min(due, p.taken+p.s.WriteTimeout, now+p.s.WriteTimeout/8)
	case !p.blocked && p.s.beats():
		due = min(due, p.taken+p.s.Heartbeat)
	}
	return due
}

// stalled reports that the client took nothing for too long. A socket takes no more before much of what it holds was sent: so
// what has reached the client meanwhile counts, as well as looking now and then can tell.
func (p *parked) stalled(now time.Duration) bool {
	if !p.blocked || p.s.WriteTimeout == 0 {
		return false
	}
	if behind := p.sock.Waiting(); behind < p.behind {
		p.behind, p.taken = behind, now
	}
	return now-p.taken >= p.s.WriteTimeout
}

// silent reports that it is time for a heartbeat.
func (p *parked) silent(now time.Duration) bool {
	return !p.blocked && !p.queued && p.s.beats() && now-p.taken >= p.s.Heartbeat
}

// limit ends the stream at a moment, unless it ends earlier.
func (p *parked) limit(at time.Duration, drained bool) {
	if at < p.ends {
		p.ends, p.drained = at, drained
	}
}

// farewell is the end of a stream whose time has come.
func (p *parked) farewell() *End {
	if p.drained {
		return &p.s.DrainEnd
	}
	return &p.s.AgeEnd
}
