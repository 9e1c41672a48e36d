package crowd

import "strconv"

// Ledger counts what went wrong with the events of a crowd, and what the crowd was told.
type Ledger struct {
	// Gaps is how many events were left out although the client was not told.
	Gaps int64
	// Repeats is how many events came again.
	Repeats int64
	// Disorders is how many events came behind a later one, or had no number.
	Disorders int64
	// Resets is how often a client was told that the next event does not continue its stream.
	Resets int64
	// Reconnects is how often a client came back, or tried to.
	Reconnects int64
}

func (l *Ledger) add(m Ledger) {
	l.Gaps += m.Gaps
	l.Repeats += m.Repeats
	l.Disorders += m.Disorders
	l.Resets += m.Resets
	l.Reconnects += m.Reconnects
}

// series checks the numbers that one client gets over all its connections. Each number must follow the last one, unless the
// client was told of a reset in between.
type series struct {
	begun bool
	first int64  // the first number
	last  int64  // the highest number so far
	seen  uint64 // which of the last numbers came: bit i stands for last - i
}

// window is how many of the last numbers a series remembers. An older number counts as a repeat.
const window = 64

// take checks the id of an event.
func (s *series) take(id string, l *Ledger) {
	n, err := strconv.ParseInt(id, 10, 64)
	switch {
	case err != nil:
		l.Disorders++
	case !s.begun:
		*s = series{begun: true, first: n, last: n, seen: 1}
	case n > s.last:
		l.Gaps += n - s.last - 1
		s.seen = s.seen<<uint64(n-s.last) | 1
		s.last = n
	case s.last-n >= window || s.seen>>uint64(s.last-n)&1 == 1:
		l.Repeats++
	default:
		l.Disorders++
		s.seen |= 1 << uint64(s.last-n)
		if n > s.first {
			l.Gaps-- // it was late, and not left out
		}
	}
}

// place begins the series behind an id, if it has not begun: the client was told its place before it got an event.
func (s *series) place(id string) {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && !s.begun {
		*s = series{begun: true, first: n, last: n, seen: 1}
	}
}

// reset begins a new series with the next event, because the client was told of a reset.
func (s *series) reset(l *Ledger) {
	s.begun = false
	l.Resets++
}
