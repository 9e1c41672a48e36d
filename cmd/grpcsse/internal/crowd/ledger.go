package crowd

import "strconv"

// Ledger counts what went wrong with the events of a crowd, and what the crowd was told.
type Ledger struct {
	// Gaps are events that were left out without a word.
	Gaps int64
	// Repeats are events that came again.
	Repeats int64
	// Disorders are events that came behind a later one, or without a number.
	Disorders int64
	// Resets is how often a client was told that what follows does not continue what it has.
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

// series judges the numbers that one client gets, over all its connections: each is to be the one behind the last, unless
// the client was told otherwise in between.
type series struct {
	begun bool
	first int64  // where it began
	last  int64  // the highest number so far
	seen  uint64 // the numbers up to last that came; the one that is i lower has bit i
}

// window is how far back a series knows what came. What comes later than that counts as a repeat.
const window = 64

// take judges the id of an event.
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
			l.Gaps-- // it was not left out, but late
		}
	}
}

// place begins the series behind an id, where it has not begun: the client was told where it is before it got any event.
func (s *series) place(id string) {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && !s.begun {
		*s = series{begun: true, first: n, last: n, seen: 1}
	}
}

// reset begins a new series with the next event: the client was told that it may not continue what there is.
func (s *series) reset(l *Ledger) {
	s.begun = false
	l.Resets++
}
