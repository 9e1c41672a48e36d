package schema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestSchemaOfTheProgram(t *testing.T) {
	s, err := schema.FromProgram(streamv1.File_test_stream_v1_stream_proto.Services().Get(0))
	require.NoError(t, err)
	method, err := s.Method("test.stream.v1.StreamService", "Watch")
	require.NoError(t, err)
	assert.EqualValues(t, "test.stream.v1.Event", method.Output().FullName())
	assert.False(t, s.HasService("demo.market.v1.MarketService"), "only what was named is offered")

	_, err = s.Types("").FindMessageByName((&marketv1.Quote{}).ProtoReflect().Descriptor().FullName())
	assert.NoError(t, err, "an Any may hold whatever is linked")
}

func TestSchemaOfTheProgramWithoutServices(t *testing.T) {
	s, err := schema.FromProgram()
	require.NoError(t, err)
	assert.Empty(t, s.Streaming())
	_, err = s.Types("").FindMessageByURL("type.googleapis.com/google.rpc.ErrorInfo")
	assert.NoError(t, err)
}
