package pump

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Settings say how to serve subscribers. They do not change while any of these is served. Many subscribers may share them.
type Settings struct {
	// Form is the form of the cursor's pieces. The pump writes its own pieces in the same form.
	Form frame.Form
	// Mute is for formats that have no comments, reconnection times and final events: the pump writes the cursor's pieces only.
	Mute bool
	// Retry is the reconnection time that the first write tells the browser, before jitter. 0 tells none.
	Retry time.Duration
	// Comment opens a stream on which no event is ready yet. It is also written after Heartbeat without traffic.
	Comment   []byte
	Heartbeat time.Duration
	// WriteTimeout is how long a parked client may take nothing before it is cut off; 0 is no limit. [HTTPConn] has a timeout
	// of its own.
	WriteTimeout time.Duration
	// MaxAge ends the stream with AgeEnd after this time, less up to 20 % at random; 0 is never.
	MaxAge time.Duration
	AgeEnd End
	// Drain is closed when a drain begins: the stream then ends with DrainEnd at a random moment before DrainBy. Only [Start] uses
	// Drain and DrainBy; [NewLoops] has parameters for them.
	Drain    <-chan struct{}
	DrainBy  func() time.Time
	DrainEnd End
	// Meter counts what is written; nil is none. With a Meter, Sampled receives samples of how late it was. It must not wait; nil
	// is none.
	Meter   *Meter
	Sampled func(Sample)
}

// opening appends what stands before the first event: the comment where no event is ready, and the reconnection time. The
// reconnection time has no block of its own, because some clients would take that for an event. It is part of the first event's
// block, or follows the comment.
func (s *Settings) opening(dst []byte, quiet bool, cur Cursor) []byte {
	dst = append(dst, s.Form.Preface()...)
	if s.Mute {
		return dst
	}
	var own []byte
	if quiet {
		own = append(own, s.Comment...)
	}
	if s.Retry > 0 {
		own = sse.AppendRetry(own, backoff.Jitter(cur.Retry(s.Retry)))
	}
	if len(own) > 0 {
		dst = s.Form.Append(dst, own)
	}
	return dst
}

// suited returns an end with a reconnection time that suits the cursor.
func suited(e *End, cur Cursor) *End {
	end := *e
	if end.RetryDelay > 0 {
		end.RetryDelay = cur.Retry(end.RetryDelay)
	}
	return &end
}

// beats reports whether there are heartbeats.
func (s *Settings) beats() bool { return s.Heartbeat > 0 && len(s.Comment) > 0 && !s.Mute }

// heartbeat appends the comment that keeps a silent stream alive, or nothing where there are no heartbeats.
func (s *Settings) heartbeat(dst []byte) []byte {
	if !s.beats() {
		return dst
	}
	return s.Form.Append(dst, s.Comment)
}

// closing appends the last thing that a subscriber is told. alone says that it is the only thing. Then it tells the route's
// reconnection time where the end has none, because a browser comes back once even after a final end.
func (s *Settings) closing(dst []byte, e End, alone bool) []byte {
	var own []byte
	delay := e.RetryDelay
	if alone {
		dst = append(dst, s.Form.Preface()...)
		if delay == 0 {
			delay = s.Retry
		}
	}
	if delay > 0 {
		own = sse.AppendRetry(own, backoff.Jitter(delay))
	}
	if own = append(own, e.Frame...); len(own) > 0 && !s.Mute {
		dst = s.Form.Append(dst, own)
	}
	return append(dst, s.Form.End()...)
}
