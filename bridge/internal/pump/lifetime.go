package pump

import (
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
)

// lifetime ends a subscriber's stream before the upstream ends it: at its maximum age, in a drain, or where its control says so,
// whichever comes first.
type lifetime struct {
	drain <-chan struct{} // nil once the drain was seen
	timer *time.Timer     // nil while nothing limits the stream
	at    time.Time
	end   *End
}

func newLifetime(s *Settings) *lifetime {
	l := &lifetime{drain: s.Drain}
	if s.MaxAge > 0 {
		l.limit(backoff.Early(s.MaxAge), &s.AgeEnd)
	}
	return l
}

// drainNow picks a random time within the drain at which this stream ends.
func (l *lifetime) drainNow(s *Settings) {
	l.drain = nil
	l.limit(time.Duration(rand.Float64()*float64(max(0, time.Until(s.DrainBy())))), &s.DrainEnd)
}

// obey ends the stream when the control says so.
func (l *lifetime) obey(control *Control) {
	if end, at := control.ordered(); end != nil {
		l.limit(max(0, time.Until(at)), end)
	}
}

func (l *lifetime) limit(after time.Duration, end *End) {
	at := time.Now().Add(after)
	if l.timer != nil && l.at.Before(at) {
		return
	}
	l.stop()
	l.timer, l.at, l.end = time.NewTimer(after), at, end
}

// over returns the channel that fires when the stream's time is over. It returns nil, which never fires, where there is no
// limit.
func (l *lifetime) over() <-chan time.Time {
	if l.timer == nil {
		return nil
	}
	return l.timer.C
}

// farewell returns the end of a stream whose time is over.
func (l *lifetime) farewell(s *Settings, cur Cursor) *End {
	if l.end == &s.DrainEnd {
		return l.end
	}
	return suited(l.end, cur)
}

func (l *lifetime) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}
