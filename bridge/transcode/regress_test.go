package transcode_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// A map entry whose key comes twice, the second time with another wire type, makes protobuf-go v1.36.12 panic. The first key
// counts: the second is an unknown field.
func TestAMapKeyOfAnotherWireType(t *testing.T) {
	entry := "\x0a\x01k" + "\x08\x63" + "\x10\x07" // key "k", key as the varint 99, value 7
	field := (&transcodev1.Small{}).ProtoReflect().Descriptor().Fields().ByName("counts")
	wire := append([]byte{byte(field.Number()<<3 | 2), byte(len(entry))}, entry...)
	tc, err := transcode.New((&transcodev1.Small{}).ProtoReflect().Descriptor(), transcode.Options{})
	require.NoError(t, err)
	got, err := tc.AppendJSON(nil, wire)
	require.NoError(t, err)
	assert.JSONEq(t, `{"counts":{"k":7}}`, string(got))
}
