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
	// Reopened is called before the upstream is opened again.
	Reopened()
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

	gap  gap
	ever bool // an attempt was accepted

	// The state of the newest attempt.
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
		a := r.Owner.Next(ctx, r.ever)
		result, aged := r.attempt(ctx, a)
		if wait.Lasted(r.lasted()); result.End.Ending.Code == ending.OK && r.events > 0 {
			wait.Reset()
		}
		switch {
		case ctx.Err() != nil:
			return result.End
		case aged: // the bridge itself ended the upstream stream
		case result.Fate == Refused && a.HasCursor && r.events == 0:
			if r.Owner.CursorRefused(ctx); r.Owner.Abandoned() {
				return result.End
			}
			continue
		case result.Fate != Broken || !r.ever:
			return result.End
		default:
			r.gap.begin(result.End.Ending.Code)
		}
		if r.Owner.Abandoned() || !aged && (!wait.Next(ctx) || r.Owner.Abandoned()) {
			return result.End
		}
		r.Owner.Reopened()
	}
}

// errAged is the cause with which an upstream stream is cancelled at its ReopenAfter.
var errAged = errors.New("reading: the upstream stream is old enough")

// attempt reads one upstream stream. aged reports whether the stream was cancelled because of its age.
func (r *Reader) attempt(ctx context.Context, a Attempt) (result Result, aged bool) {
	r.accepted, r.events = false, 0
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.ReopenAfter > 0 {
		timer := time.AfterFunc(backoff.Early(r.ReopenAfter), func() { cancel(errAged) })
		defer timer.Stop()
	}
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

// Accepted implements [Sink].
func (r *Reader) Accepted(header Header) {
	if r.accepted {
		return
	}
	r.accepted, r.ever, r.since = true, true, time.Now()
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
