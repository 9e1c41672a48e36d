package pump

import (
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Settings say how to serve subscribers. They do not change while any of them is served, and many may share them.
type Settings struct {
	// Form is that of the cursor's pieces; the pump puts what is its own into it.
	Form frame.Form
	// Mute says that the format has no place for what the pump itself has to say: there are no comments, no reconnection times,
	// and an end is only the end.
	Mute bool
	// Retry is the reconnection time that the first write tells the browser, not jittered yet; 0 says nothing.
	Retry time.Duration
	// Comment opens a stream on which nothing is ready yet, and is written after Heartbeat without traffic.
	Comment   []byte
	Heartbeat time.Duration
	// WriteTimeout is how long a parked client may take nothing before it is cut off; 0 is for ever. [HTTPConn] has its own.
	WriteTimeout time.Duration
	// SendBuffer is how many bytes the kernel may hold for a parked client that were not sent; 0 leaves it to the kernel.
	SendBuffer int
	// MaxAge ends the stream with AgeEnd after this time, minus up to 20 % at random; 0 is never.
	MaxAge time.Duration
	AgeEnd End
	// Drain, when it is closed, ends the stream with DrainEnd at a random moment before DrainBy. They are Run's: [Loops] have
	// their own.
	Drain    <-chan struct{}
	DrainBy  func() time.Time
	DrainEnd End
}

// lifeTime is how long one subscriber may stay, 0 for ever.
func (s *Settings) lifeTime() time.Duration {
	return s.MaxAge - time.Duration(rand.Float64()*0.2*float64(s.MaxAge))
}

// opening appends what stands before the first event: the comment where nothing is ready, and the reconnection time, which
// belongs to the block that follows, or follows the comment: in a block of its own it would reach some clients as an event.
func (s *Settings) opening(dst []byte, quiet bool) []byte {
	dst = append(dst, s.Form.Preface()...)
	if s.Mute {
		return dst
	}
	var own []byte
	if quiet {
		own = append(own, s.Comment...)
	}
	if s.Retry > 0 {
		own = sse.AppendRetry(own, Jitter(s.Retry))
	}
	if len(own) > 0 {
		dst = s.Form.Append(dst, own)
	}
	return dst
}

// beats reports whether there are heartbeats at all.
func (s *Settings) beats() bool { return s.Heartbeat > 0 && len(s.Comment) > 0 && !s.Mute }

// heartbeat appends what keeps a silent stream alive; nothing, where the format has no such thing.
func (s *Settings) heartbeat(dst []byte) []byte {
	if !s.beats() {
		return dst
	}
	return s.Form.Append(dst, s.Comment)
}

// closing appends the last thing that a subscriber is told. One that is told nothing else, at once, is told the route's
// reconnection time where the end has none: a browser comes back once, whatever it was told.
func (s *Settings) closing(dst []byte, e End, alone bool) []byte {
	var own []byte
	comeback := e.Comeback
	if alone {
		dst = append(dst, s.Form.Preface()...)
		if comeback == 0 {
			comeback = s.Retry
		}
	}
	if comeback > 0 {
		own = sse.AppendRetry(own, Jitter(comeback))
	}
	if own = append(own, e.Frame...); len(own) > 0 && !s.Mute {
		dst = s.Form.Append(dst, own)
	}
	return append(dst, s.Form.End()...)
}

// Jitter returns d plus or minus up to 20 %, so that clients which were cut together do not come back together.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
