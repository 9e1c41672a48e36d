package stream

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// verdict decides what the end of an upstream stream means for the clients. ctx is the context of the attempt.
func (f *feed) verdict(ctx context.Context, a reading.Attempt, end *ending.Ending) reading.Result {
	if !a.Reopening && !f.accepted && end.Code == ending.OK && hides(f.rt, end) {
		// The upstream ended its first stream with OK before it accepted the stream. The bridge hides this end, and opens the
		// upstream again. The end itself counts as the acceptance for which the clients wait.
		f.accept(nil)
	}
	fate := reading.Over
	switch {
	case end.Code == ending.Canceled && f.streams.ctx.Err() != nil:
		end = ending.ShuttingDown()
	case f.cursorRefused(a, end):
		fate = reading.Refused
	case a.CatchingUp:
		fate = f.catchUpFate(end)
	case f.reopens(end):
		fate = reading.Broken
		// ctx has ended where the bridge closed the stream, because its clients left or because it reached its age. Such an end is
		// no fault of the upstream.
		if (a.Reopening || f.accepted) && ctx.Err() == nil {
			f.reportBroken(end)
		}
	case f.shared && a.Reopening && f.events == 0 && end.Reason == ending.ByUpstream && end.Code != ending.OK:
		// The upstream refuses the request of the client that opened the stream. Other clients may have other credentials, so they
		// are told to come back and open the stream with their own request.
		end = end.ComeBack()
	}
	return reading.Result{Fate: fate, End: f.last(end)}
}

// catchUpFate returns the fate of a catch-up whose cursor was not refused. A catch-up does not wait for a slot of the upstream. Its
// break is no fault that is logged: the shared stream breaks in the same outage.
func (f *feed) catchUpFate(end *ending.Ending) reading.Fate {
	if f.reopens(end) && end.Reason != ending.ByLimit {
		return reading.Broken
	}
	return reading.Over
}

// cursorRefused reports whether an attempt has ended because the upstream refuses its cursor. The route itself is in order
// then.
func (f *feed) cursorRefused(a reading.Attempt, end *ending.Ending) bool {
	return a.HasCursor && f.events == 0 && refusesCursor(end)
}

// refusesCursor reports whether the status of an upstream can mean that it refuses a cursor.
func refusesCursor(e *ending.Ending) bool {
	switch e.Code {
	case ending.InvalidArgument, ending.FailedPrecondition, ending.OutOfRange:
		return e.Reason == ending.ByUpstream
	}
	return false
}

// hides reports whether the bridge may hide an end from the clients by opening the upstream again.
func hides(rt *route.Route, end *ending.Ending) bool {
	if end.Code == ending.OK {
		return rt.Config.OnEnd == config.OnEndReopen && end.Reason == ending.ByUpstream
	}
	return end.Retry && end.Reason == ending.ByUpstream
}

// concernsHealth reports whether the end of an attempt says something about the health of the route. The health is about
// openings that a client waits for. ctx is the context of the upstream stream.
func (f *feed) concernsHealth(ctx context.Context, a reading.Attempt, end *ending.Ending) bool {
	switch {
	case f.accepted: // the health has recorded the opening already
		return false
	case ctx.Err() != nil: // the upstream did not end the stream
		return false
	case !f.shared && a.Reopening: // many private streams that are opened again would count one fault many times
		return false
	}
	return !f.cursorRefused(a, end)
}

// updateHealth records in the health of the route how the opening of a stream ended.
func (f *feed) updateHealth(end *ending.Ending) {
	switch {
	case end.Code == ending.OK:
		f.rt.Health.Opened()
	case end.Retry:
		f.rt.Health.Failed()
	}
}
