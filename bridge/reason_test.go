package bridge

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

func TestThePublicReasonsAreThoseThatPagesRead(t *testing.T) {
	for reason, want := range map[Reason]ending.Reason{
		ReasonUpstream: ending.ByUpstream, ReasonRequest: ending.ByRequest, ReasonRoute: ending.ByRoute, ReasonDrain: ending.ByDrain,
		ReasonMaxAge: ending.ByMaxAge, ReasonLimit: ending.ByLimit, ReasonMessage: ending.ByMessage, ReasonSlow: ending.BySlow,
		ReasonGone: ending.ByGone, ReasonAuth: ending.ByAuth, ReasonTokenExpired: ending.ByTokenExpired, ReasonRevoked: ending.ByRevoked,
		ReasonShed: ending.ByShed,
	} {
		assert.Equal(t, string(want), string(reason))
	}
}

func TestThePublicLimitsAreThoseOfTheEndings(t *testing.T) {
	for limit, want := range map[Limit]ending.Limit{
		LimitConnections: ending.Connections, LimitStreams: ending.Streams,
		LimitStreamsPerClient:  ending.StreamsPerClient,
		LimitStreamsPerSubject: ending.StreamsPerSubject, LimitOpensPerClient: ending.OpensPerClient,
		LimitRouteStreams: ending.RouteStreams, LimitRouteStreamsPerClient: ending.RouteStreamsPerClient,
		LimitSharedStreams: ending.SharedStreams, LimitQueueBytes: ending.QueueBytes,
		LimitUpstreamStreams: ending.UpstreamStreams, LimitUpstreamWaiting: ending.UpstreamWaiting,
		LimitUpstreamSlots: ending.UpstreamSlots,
	} {
		assert.Equal(t, string(want), string(limit))
	}
}

func TestThePublicOutcomesAreThoseOfTheStreams(t *testing.T) {
	for outcome, want := range map[CatchUpOutcome]fanout.Outcome{
		CatchUpMet: fanout.CaughtUp, CatchUpQuiet: fanout.CaughtUpQuiet, CatchUpInvalid: fanout.CursorInvalid,
		CatchUpExpired: fanout.CatchUpExpired, CatchUpOver: fanout.CatchUpOver, CatchUpTooLarge: fanout.TooMuchMissed,
		CatchUpNoRoom: fanout.NoRoom, CatchUpLeft: fanout.CatchUpLeft,
	} {
		assert.Equal(t, string(want), string(outcome))
	}
}
