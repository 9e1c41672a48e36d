package replay

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounds limit what a log holds. 0 is no bound; events that go over any of them are evicted, oldest first, but for the newest
// event, which is always held.
type Bounds struct {
	Events int           // how many events
	Bytes  int64         // what they take: the forms of their frames that were made, and what the log itself needs for an event
	Age    time.Duration // since [Event.At]; checked when the log is used, so an idle log may hold older ones a while longer
}

// Log is a sequence of events that is appended to at one end and evicted at the other. All methods may be called concurrently;
// the package's documentation says what they guarantee together. After Close they return [ErrClosed], or zero values.
type Log interface {
	// Begin begins an epoch. Nothing before it is held any more, and no position in it can be read. The epoch's name must not be
	// empty and not have been used before. after is the id, as it stands on the wire, of the event that precedes the epoch's
	// first one: who has seen that one can go on at offset 0. "" is none. An error leaves the log as it is.
	Begin(ctx context.Context, epoch, after string) error

	// Append adds e behind the newest event, and takes it over. It fails with a [*ConflictError] unless e's position is
	// the next one, and with other errors where the event could not be stored; the log is then as it was, or, where that cannot
	// be known (the connection broke, ctx ended), has the event and will report a conflict if it is appended again.
	Append(ctx context.Context, e *Event) error

	// Watch has notify called after State and Read can show something new: an event, an epoch, the log's end. It is called from
	// any goroutine, and must not block; one call may stand for several events. It may call the log's methods. A call that has
	// begun when stop is called may end after that; then there are no more. stop may be called more than once.
	Watch(notify func()) (stop func())

	// Read appends to dst the events from a position on, at most limit of them: none where nothing follows yet. It never waits.
	// The error is [ErrGone] where the event at from has been evicted, or from is in another epoch. A position that the
	// log cannot show yet, behind the end of its epoch, has no events and no error.
	Read(dst []*Event, from Position, limit int) ([]*Event, error)

	// Find returns the place behind the newest event that has the id, in the current epoch: that of the event that a subscriber
	// lacks who saw this one last. It is found as long as that event is held; and so is the id given to Begin, as long as the
	// event at offset 0 has not been evicted. The id is as it stands on the wire.
	Find(id string) (Position, bool)

	// FindUnique is Find for an id that tells one event from the others: it is not found where events that are held have the id
	// and another event stands between them, since nobody can say which of them a subscriber saw. Nor is the id given to Begin.
	FindUnique(id string) (Position, bool)

	// State returns what the log holds.
	State() State

	// Lag returns how far a reader is behind whose next event is the one at from. It is as cheap as Read of nothing.
	Lag(from Position) Lag

	// Trim evicts the oldest events until at most so many bytes are held, or the newest event alone.
	Trim(bytes int64)

	// Close gives back what the log holds. A log that others append to may live on elsewhere.
	Close()
}

// ErrGone says that the events from a position on can no longer be read whole: it is before the oldest one that is held, or in
// another epoch.
var ErrGone = errors.New("replay: the log no longer has what follows this position")

// ErrClosed says that the log is closed.
var ErrClosed = errors.New("replay: the log is closed")

// ConflictError says that an event was appended at a position that is not the next one: somebody else has appended, or has
// begun an epoch. What else readers can see has not changed.
type ConflictError struct {
	At   Position // where the event was to be
	Next Position // where the next event belongs
}

func (e *ConflictError) Error() string {
	if e.Next.Epoch == "" {
		return fmt.Sprintf("replay: expected an epoch to have begun, found an event at %s", e.At)
	}
	return fmt.Sprintf("replay: expected an event at %s, found one at %s", e.Next, e.At)
}
