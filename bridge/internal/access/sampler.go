package access

import (
	"sync"
	"time"
)

// share says how many lines there are for one that is written, above the rate.
const share = 100

// sampler decides which lines of one kind are written. It counts in windows that begin with a line. It is safe for concurrent
// use.
type sampler struct {
	mu      sync.Mutex
	count   int           // how many lines of a window are written in any case; 0 writes every line
	per     time.Duration // how long a window lasts
	began   time.Time     // when the present window began
	seen    int           // the lines of the present window
	leftOut int           // the lines that were left out since the last one that was written
}

func (s *sampler) set(count int, per time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count, s.per = count, per
}

// admit reports whether a line is written, and how many lines were left out before it.
func (s *sampler) admit(now time.Time) (leftOut int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count > 0 {
		if now.Sub(s.began) >= s.per {
			s.began, s.seen = now, 0
		}
		s.seen++
		if over := s.seen - s.count; over > 0 && over%share != 0 {
			s.leftOut++
			return 0, false
		}
	}
	leftOut, s.leftOut = s.leftOut, 0
	return leftOut, true
}

// close returns how many lines were left out and are not reported yet.
func (s *sampler) close() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.leftOut
	s.leftOut = 0
	return n
}
