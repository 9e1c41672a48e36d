package pump

import (
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
)

// lifetime ends a subscriber's stream before the upstream ends it: at its maximum age, in a drain, or where its control says so,
// whichever comes first.
type lifetime struct {
	at  time.Time
	end *End // nil while nothing limits the stream
}

// lifetimeFrom returns the lifetime of a stream that begins now.
func lifetimeFrom(now time.Time, s *Settings) (l lifetime) {
	if s.MaxAge > 0 {
		l.limit(now.Add(backoff.Early(s.MaxAge)), &s.AgeEnd)
	}
	return l
}

// drainNow picks a random time within the drain at which this stream ends.
func (l *lifetime) drainNow(s *Settings) {
	now := time.Now()
	l.limit(now.Add(time.Duration(rand.Float64()*float64(max(0, s.DrainBy().Sub(now))))), &s.DrainEnd)
}

// obey ends the stream when the control says so.
func (l *lifetime) obey(control *Control) {
	if end, at := control.ordered(); end != nil {
		l.limit(at, end)
	}
}

func (l *lifetime) limit(at time.Time, end *End) {
	if l.end == nil || at.Before(l.at) {
		l.at, l.end = at, end
	}
}

// over reports whether the stream's time is over.
func (l *lifetime) over(now time.Time) bool { return l.end != nil && !now.Before(l.at) }

// farewell returns the end of a stream whose time is over.
func (l *lifetime) farewell(s *Settings, cur Cursor) *End {
	if l.end == &s.DrainEnd {
		return l.end
	}
	return suited(l.end, cur)
}
