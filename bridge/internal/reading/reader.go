package reading

import (
	"context"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Owner is the stream that an upstream is read for. Its methods are called by the goroutine of [Reader.Run], but for Stale.
type Owner interface {
	Sink
	// Next says how the upstream is to be opened now. reopening says that an earlier attempt was accepted.
	Next(ctx context.Context, reopening bool) Attempt
	// CursorRefused says that the upstream does not take the cursor of the newest attempt, so that the next one has none.
	CursorRefused(ctx context.Context)
	// Abandon reports whether the stream is wanted by no one, so that the upstream must not be opened again for it.
	Abandon() bool
	// Reopened is called before the upstream is opened again.
	Reopened()
	// Stale says that no events have come for [StaleAfter], since the upstream ended with a code. It is called from a goroutine
	// of its own, and never while Live is.
	Stale(by ending.Code)
	// Live says that events come again after Stale.
	Live()
}

// Reader reads an upstream for as long as the stream lasts that it is read for. One goroutine uses it.
type Reader struct {
	Upstream Upstream
	Owner    Owner
	// Backoff spaces the attempts to open an upstream again that broke.
	Backoff backoff.Policy
	// MaxAge is how long an upstream stream is read, minus up to 20 % at random, before another one is opened; 0 is for ever.
	MaxAge time.Duration

	gap  gap
	ever bool // whether any attempt was accepted

	// Of the newest attempt.
	accepted bool
	since    time.Time // when it was
	events   int       // how many it has brought
}

// Run reads until an end that is final, or until ctx ends, and returns the end that clients are told.
func (r *Reader) Run(ctx context.Context) pump.End {
	r.gap.owner = r.Owner
	defer r.gap.stop()
	wait := backoff.Backoff{Policy: r.Backoff}
	for {
		a := r.Owner.Next(ctx, r.ever)
		result, aged := r.attempt(ctx, a)
		if wait.Stood(r.stood()); result.End.Ending.Code == ending.OK && r.events > 0 {
			wait.Reset()
		}
		switch {
		case ctx.Err() != nil:
			return result.End
		case aged: // which says nothing of the upstream
		case result.Fate == Refused && a.HasCursor && r.events == 0:
			if r.Owner.CursorRefused(ctx); r.Owner.Abandon() {
				return result.End
			}
			continue
		case result.Fate != Broken || !r.ever:
			return result.End
		default:
			r.gap.begin(result.End.Ending.Code)
		}
		if r.Owner.Abandon() || !aged && (!wait.Next(ctx) || r.Owner.Abandon()) {
			return result.End
		}
		r.Owner.Reopened()
	}
}

// errAged ends an upstream stream that is old enough.
var errAged = errors.New("reading: the upstream stream is old enough")

// attempt reads one upstream stream, and says whether it was ended for its age.
func (r *Reader) attempt(ctx context.Context, a Attempt) (result Result, aged bool) {
	r.accepted, r.events = false, 0
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.MaxAge > 0 {
		timer := time.AfterFunc(backoff.Early(r.MaxAge), func() { cancel(errAged) })
		defer timer.Stop()
	}
	result = r.Upstream.Run(ctx, a, r)
	return result, errors.Is(context.Cause(ctx), errAged)
}

// stood is how long the upstream stream of the newest attempt has stood.
func (r *Reader) stood() time.Duration {
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
