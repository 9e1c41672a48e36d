package pump

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// parked is a subscriber without a goroutine. Only its loop uses it.
type parked struct {
	sock socket
	cur  Cursor
	s    *Settings
	done func(Outcome) // nil once it was called
	// control may be nil. It is nil once done was called.
	control *Control
	group   *group
	rest    []byte // the rest of a piece that a write cut; written before the cursor's next pieces. While fresh, the response's header
	end     *End   // the end that the loop has decided on; in the stage last it may be the cursor's

	uptake uptake
	taken  time.Duration // when the client last took bytes, or when it stopped taking any
	behind int           // how many bytes a blocked client had not acknowledged at the last look
	ends   time.Duration // when the loop ends the stream, or never
	why    *End          // the end then; nil is that of the maximum age
	bytes  int64         // of the body; below 0 while a part of the response's header was not written
	events int

	key     key
	place   int32  // the index in the group
	tick    uint32 // the tick of the subscriber's entry in the clock; valid while ticking
	ticking bool   // the clock has an entry for the subscriber
	stage   stage
	told    bool // the control has blocks to write
	blocked bool // the socket takes nothing until epoll says that it is writable
	pending bool // the socket has taken bytes that the kernel has not taken; blocked is true too
	queued  bool // the subscriber waits for a visit of its own
	flying  bool // a visit to the subscriber is under way
	gone    bool // the client has left; see [departure]
}

func newParked(sock socket, cur Cursor, s *Settings, done func(Outcome)) *parked {
	return &parked{sock: sock, cur: cur, s: s, done: done, ends: never}
}

// begin has the header of the response stand in front of the stream.
func (p *parked) begin(head []byte) { p.rest, p.bytes = head, -int64(len(head)) }

// wrote counts bytes that the client took, and returns how many of them are of the body.
func (p *parked) wrote(n int) (body int) {
	before := max(0, p.bytes)
	p.bytes += int64(n)
	return int(max(0, p.bytes) - before)
}

// stage is how far a stream has got.
type stage uint8

const (
	fresh   stage = iota // nothing was written
	running              // the opening was written
	parting              // the end was due while a piece was cut; only the rest of that piece and the end follow
	last                 // the end was begun; only the rest of it may follow
)

// speaks reports whether a block of the control may be written now: between two whole pieces.
func (p *parked) speaks() bool {
	return p.told && p.stage == running && p.end == nil && len(p.rest) == 0 && !p.s.Mute
}

// said reports whether the socket has taken the whole stream with its end.
func (p *parked) said() bool { return p.stage == last && p.rest == nil }

// outcome returns how the stream went.
func (p *parked) outcome(reason ending.Reason, err error) Outcome {
	return Outcome{Reason: reason, Events: p.events, Bytes: max(0, p.bytes), Err: err}
}

// due returns when the subscriber must be looked at even where nothing happens to it, or never.
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

// stalled reports whether the client has taken nothing for too long.
func (p *parked) stalled(now time.Duration) bool {
	if !p.blocked || p.s.WriteTimeout == 0 {
		return false
	}
	p.look(now)
	return now-p.taken >= p.s.WriteTimeout
}

// overdue reports whether the client is too far behind. It asks the cursor only when that is due. Bytes that the kernel still
// holds do not count as taken: the client would lack them if it were cut off. The kernel is not asked for them while they cannot
// be many, because that is a system call for each client.
func (p *parked) overdue(now time.Duration) bool {
	if !p.uptake.due(now) {
		return false
	}
	if !p.blocked && p.uptake.fewWaiting() && !p.cur.Overdue(p.uptake.lacking(int(p.uptake.most)), false) {
		return false
	}
	return p.cur.Overdue(p.uptake.lacking(p.look(now)), p.blocked && now-p.taken >= OverduePatience)
}

// look returns how many bytes the client has not acknowledged. A socket becomes writable only when much of what it holds was
// sent, so a slow client may be taking bytes before that. Bytes that the client has acknowledged since the last look count as
// taken.
func (p *parked) look(now time.Duration) (waiting int) {
	waiting = p.sock.Waiting()
	p.uptake.saw(waiting)
	if p.blocked && waiting < p.behind {
		p.behind, p.taken = waiting, now
	}
	return waiting
}

// silent reports whether it is time for a heartbeat.
func (p *parked) silent(now time.Duration) bool {
	return !p.blocked && !p.queued && !p.flying && p.s.beats() && now-p.taken >= p.s.Heartbeat
}

// limit has the stream end at a time with the end why, unless it ends earlier anyway.
func (p *parked) limit(at time.Duration, why *End) {
	if at < p.ends {
		p.ends, p.why = at, why
	}
}

// farewell returns the end of a stream that the loop ends.
func (p *parked) farewell() *End {
	switch p.why {
	case nil:
		return suited(&p.s.AgeEnd, p.cur)
	case &p.s.DrainEnd:
		return p.why
	}
	return suited(p.why, p.cur)
}
