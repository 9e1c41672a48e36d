package fanout

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// life reads the upstream of a stream for as long as that lasts. One goroutine uses it.
type life struct {
	stream   *stream
	upstream Upstream
	recorder recorder
	accepted bool // any attempt was
	wait     backoff.Backoff
}

func newLife(st *stream, upstream Upstream) *life {
	return &life{
		stream: st, upstream: upstream,
		recorder: recorder{stream: st},
		wait:     backoff.Backoff{Policy: st.settings.Backoff},
	}
}

// run returns the end that the stream's subscribers are told, those that there are.
func (l *life) run(ctx context.Context) pump.End {
	l.recorder.start(ctx)
	for {
		a := l.recorder.begin(ctx, l.accepted)
		result, aged := l.attempt(ctx, a)
		l.accepted = l.accepted || l.recorder.accepted
		if l.wait.Stood(l.recorder.stood()); result.End.Ending.Code == ending.OK && l.recorder.events > 0 {
			l.wait.Reset()
		}
		switch {
		case ctx.Err() != nil:
			return result.End
		case aged: // which says nothing of the upstream
		case result.Fate == Refused && a.HasCursor && l.recorder.events == 0:
			if l.recorder.refused(); l.stream.registry.abandon(l.stream) {
				return result.End
			}
			continue
		case result.Fate != Broken || !l.accepted:
			return result.End
		default:
			l.stream.broken(result.End.Ending.Code)
		}
		if !l.mayReopen(ctx, aged) {
			return result.End
		}
		l.stream.registry.Hooks.reopened(l.stream)
	}
}

// mayReopen waits until the upstream may be opened again, which one that is only old may at once. It reports false where the
// attempts are used up, and where nobody is left.
func (l *life) mayReopen(ctx context.Context, aged bool) bool {
	if l.stream.registry.abandon(l.stream) {
		return false
	}
	return aged || l.wait.Next(ctx) && !l.stream.registry.abandon(l.stream)
}

// errAged ends an upstream stream that is old enough.
var errAged = errors.New("fanout: the upstream stream is old enough")

// attempt reads one upstream stream, and says whether it was ended for its age.
func (l *life) attempt(ctx context.Context, a Attempt) (r Result, aged bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if age := l.stream.settings.MaxAge; age > 0 {
		timer := time.AfterFunc(age-time.Duration(rand.Float64()*0.2*float64(age)), func() { cancel(errAged) })
		defer timer.Stop()
	}
	r = l.upstream.Run(ctx, a, &l.recorder)
	return r, errors.Is(context.Cause(ctx), errAged)
}
