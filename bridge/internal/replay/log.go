package replay

import (
	"errors"
	"fmt"
	"time"
)

// Bounds limit what a log holds. 0 is no bound. A log over a bound evicts its oldest events. The newest event is always held.
type Bounds struct {
	Events int // how many events
	// Bytes bounds the memory of the events: every form that was made of their frames, and what the log itself needs for them.
	Bytes int64
	// Age bounds the time since [Event.At]. The log compares it when it is used: an idle log may hold older events.
	Age time.Duration
}

// ErrGone says that the events from a position on can no longer be read without a gap: the position is before the oldest held
// event, or in another epoch.
var ErrGone = errors.New("replay: the log no longer has what follows this position")

// ErrClosed says that the log is closed.
var ErrClosed = errors.New("replay: the log is closed")

// ConflictError says that an event was appended at a position that is not the next one: another appender has appended an event
// or has begun an epoch. The log is as it was.
type ConflictError struct {
	At   Position // the position of the refused event
	Next Position // the position of the next event
}

func (e *ConflictError) Error() string {
	if e.Next.Epoch == "" {
		return fmt.Sprintf("replay: expected an epoch to have begun, found an event at %s", e.At)
	}
	return fmt.Sprintf("replay: expected an event at %s, found one at %s", e.Next, e.At)
}
