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
	if !a.Reopening && !f.began && end.Code == ending.OK && hides(f.rt, end) {
		f.accepted(nil) // clients do not receive the end, so the end itself says that the upstream has accepted the stream
	}
	fate := reading.Over
	switch {
	case end.Code == ending.Canceled && f.streams.ctx.Err() != nil:
		end = ending.ShuttingDown()
	case f.cursorRefused(a, end):
		fate = reading.Refused
	case f.reopens(end):
		// Where ctx has ended, the stream was closed because its clients left or because it reached its age. It has not broken.
		if fate = reading.Broken; (a.Reopening || f.began) && ctx.Err() == nil {
			f.reportBroken(end)
		}
	case f.shared && a.Reopening && f.events == 0 && end.Reason == ending.ByUpstream && end.Code != ending.OK:
		// The upstream refused the request of the client that opened the stream. Other clients may have other credentials.
		end = end.ComeBack()
	}
	return reading.Result{Fate: fate, End: f.last(end)}
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

// updateHealth records in the health of the route how the opening of a stream ended.
func (f *feed) updateHealth(end *ending.Ending) {
	switch {
	case end.Code == ending.OK:
		f.rt.Health.Opened()
	case end.Retry:
		f.rt.Health.Failed()
	}
}
