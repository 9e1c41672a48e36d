package reading

import (
	"context"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Owner is the stream for which an upstream is read. The goroutine of [Reader.Run] calls all methods except Stale.
type Owner interface {
	Sink
	// Next returns how to open the upstream now. reopening says that an earlier attempt was accepted.
	Next(ctx context.Context, reopening bool) Attempt
	// CursorRefused says that the upstream refused the cursor of the newest attempt. The next attempt must have no cursor.
	CursorRefused(ctx context.Context)
	// Abandoned reports whether the stream has no clients left, so that the upstream must not be opened again.
	Abandoned() bool
	// Reopened is called before the upstream is opened again. by is the code with which the newest attempt ended, OK where the
	// attempt ended because of its age.
	Reopened(by ending.Code)
	// Stale says that the upstream has been gone for [StaleAfter], since it ended with the code by. Stale is called on a goroutine
	// of its own, and never concurrently with Live.
	Stale(by ending.Code)
	// Live says that the upstream is back after Stale.
	Live()
}

// Reader reads an upstream for its owner until the owner's stream ends. One goroutine uses it.
type Reader struct {
	Upstream Upstream
	Owner    Owner
	// Backoff says how long to wait between attempts to open a broken upstream again.
	Backoff backoff.Policy
	// ReopenAfter is how long an upstream stream is read before another one is opened, minus up to 20 % at random. 0 means no limit.
	ReopenAfter time.Duration
	// Persistent says that the first attempt, too, is repeated where it breaks. Otherwise Run returns its end.
	Persistent bool

	gap          gap
	everAccepted bool // the upstream has accepted an attempt of this stream

	// The state of the newest attempt.
	opened   bool // the request was sent
	accepted bool
	since    time.Time // when the attempt was accepted
	events   int       // how many events the attempt has brought
}

// Run reads until an end that is final, or until ctx ends. It returns the end for the clients.
func (r *Reader) Run(ctx context.Context) pump.End {
	r.gap.owner = r.Owner
	defer r.gap.stop()
	wait := backoff.Backoff{Policy: r.Backoff}
	for {
		a := r.Owner.Next(ctx, r.everAccepted)
		result, aged := r.attempt(ctx, a)
		wait.Lasted(r.lasted())
		if result.End.Ending.Code == ending.OK && r.events > 0 {
			wait.Reset()
		}
		next := r.decide(ctx, a, result, aged)
		switch next {
		case conclude:
			return result.End
		case beginAnew:
			r.Owner.CursorRefused(ctx)
		case reopenLater:
			r.gap.begin(result.End.Ending.Code)
		}
		if r.Owner.Abandoned() {
			return result.End
		}
		// The last client may leave during the wait.
		if next == reopenLater && (!wait.Next(ctx) || r.Owner.Abandoned()) {
			return result.End
		}
		if next != beginAnew {
			r.Owner.Reopened(endedBy(result, aged))
		}
	}
}

// step is what a reader does after an attempt.
type step uint8

const (
	conclude    step = iota // end the stream
	beginAnew               // open the upstream at once, without a cursor
	replace                 // open the upstream at once
	reopenLater             // wait, and open the upstream again
)

// decide returns what follows an attempt.
func (r *Reader) decide(ctx context.Context, a Attempt, result Result, aged bool) step {
	switch {
	case ctx.Err() != nil:
		return conclude
	case aged: // the bridge itself ended the upstream stream
		return replace
	case result.Fate == Refused && a.HasCursor && r.events == 0:
		return beginAnew
	case result.Fate == Broken && (r.everAccepted || r.Persistent):
		return reopenLater
	}
	return conclude
}

// endedBy returns the code with which an attempt ended. The bridge itself cancels an attempt that is old.
func endedBy(result Result, aged bool) ending.Code {
	if aged {
		return ending.OK
	}
	return result.End.Ending.Code
}

// errAged is the cause with which an upstream stream is cancelled at its ReopenAfter.
var errAged = errors.New("reading: the upstream stream is old enough")

// attempt reads one upstream stream. aged reports whether the stream was cancelled because of its age.
func (r *Reader) attempt(ctx context.Context, a Attempt) (result Result, aged bool) {
	r.opened, r.accepted, r.events = false, false, 0
	if r.ReopenAfter > 0 {
		return r.attemptUntilAged(ctx, a)
	}
	return r.Upstream.Run(ctx, a, r), false // without a context of its own, which most idle streams would keep
}

// attemptUntilAged is attempt for an upstream stream that is cancelled because of its age. It has a stack frame of its own, because
// there may be many readers that wait in attempt.
func (r *Reader) attemptUntilAged(ctx context.Context, a Attempt) (result Result, aged bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(backoff.Early(r.ReopenAfter), func() { cancel(errAged) })
	defer timer.Stop()
	result = r.Upstream.Run(ctx, a, r)
	return result, errors.Is(context.Cause(ctx), errAged)
}

// lasted returns how long ago the newest attempt was accepted, 0 where it was not.
func (r *Reader) lasted() time.Duration {
	if !r.accepted {
		return 0
	}
	return time.Since(r.since)
}

// Opened implements [Sink].
func (r *Reader) Opened() {
	if !r.opened {
		r.opened = true
		r.Owner.Opened()
	}
}

// Accepted implements [Sink].
func (r *Reader) Accepted(header Header) {
	if r.accepted {
		return
	}
	r.Opened()
	r.accepted, r.everAccepted, r.since = true, true, time.Now()
	r.gap.end()
	r.Owner.Accepted(header)
}

// Event implements [Sink].
func (r *Reader) Event(ctx context.Context, e *Event) error {
	r.Accepted(nil)
	if err := r.Owner.Event(ctx, e); err != nil {
		return err
	}
	r.events++
	return nil
}
