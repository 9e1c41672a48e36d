package stream

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// verdict says what the end of an upstream stream means for the clients. ctx is that of the attempt.
func (f *feed) verdict(ctx context.Context, a reading.Attempt, end *ending.Ending) reading.Result {
	if !a.Reopening && !f.began && end.Code == ending.OK && hides(f.rt, end) { // an end in good order that is hidden is a first word too
		f.accepted(nil)
	}
	fate := reading.Over
	switch {
	case end.Code == ending.Canceled && f.streams.ctx.Err() != nil:
		end = ending.ShuttingDown()
	case f.cursorRefused(a, end):
		fate = reading.Refused
	case f.reopens(end):
		// A stream that was closed, because its clients have left or because it is old enough, has not broken.
		if fate = reading.Broken; (a.Reopening || f.began) && ctx.Err() == nil {
			f.broke(end)
		}
	case f.shared && a.Reopening && f.events == 0 && end.Reason == ending.ByUpstream && end.Code != ending.OK:
		end = end.ComeBack() // the request was refused that somebody else has made: each client may open it with credentials of its own
	}
	return reading.Result{Fate: fate, End: f.last(end)}
}

// cursorRefused reports whether an attempt has ended since the upstream does not take its cursor. Nothing else is wrong then.
func (f *feed) cursorRefused(a reading.Attempt, end *ending.Ending) bool {
	return a.HasCursor && f.events == 0 && refusesCursor(end)
}

// refusesCursor reports whether an upstream's status can mean that it does not take a cursor.
func refusesCursor(e *ending.Ending) bool {
	switch e.Code {
	case ending.InvalidArgument, ending.FailedPrecondition, ending.OutOfRange:
		return e.Reason == ending.ByUpstream
	}
	return false
}

// hides reports whether an end is one that the bridge may hide by opening the upstream again.
func hides(rt *route.Route, end *ending.Ending) bool {
	if end.Code == ending.OK {
		return rt.Config.OnEnd == config.OnEndReopen && end.Reason == ending.ByUpstream
	}
	return end.Retry && end.Reason == ending.ByUpstream
}

// judge tells a route's health how the opening of a stream went.
func (f *feed) judge(end *ending.Ending) {
	switch {
	case end.Code == ending.OK:
		f.rt.Health.Opened()
	case end.Retry:
		f.rt.Health.Failed()
	}
}
