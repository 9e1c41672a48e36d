package ending_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

func TestAtALimitAClientIsTurnedAwayAndComesBack(t *testing.T) {
	told := map[string]ending.Limit{}
	for _, l := range []ending.Limit{
		ending.Streams, ending.StreamsPerClient, ending.StreamsPerSubject, ending.OpensPerClient, ending.RouteStreams,
		ending.RouteStreamsPerClient, ending.SharedStreams, ending.QueueBytes, ending.UpstreamStreams, ending.UpstreamWaiting,
		ending.UpstreamSlots,
	} {
		end := ending.AtLimit(l)
		assert.Equal(t, ending.ResourceExhausted, end.Code, l)
		assert.Equal(t, ending.ByLimit, end.Reason, l)
		assert.Equal(t, l, end.Limit)
		assert.True(t, end.Retry && end.TurnsAway(), l)
		assert.NotContains(t, told, end.Message, "%s and another limit have the same message", l)
		told[end.Message] = l
	}
	assert.NotContains(t, told, ending.Limit("another").Message(), "every limit has a message of its own")
}
