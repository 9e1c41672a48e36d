package transcode_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// A test that fails here says that messages become other bytes than before: then raise [transcode.Version].
func TestOtherBytesHaveAnotherVersion(t *testing.T) {
	outputs := map[int]string{
		1: "ca654095c8d2021727284cb82e281134e20789e10dee2ab71bceb3be16989b4d",
	}
	sum := sha256.New()
	for _, message := range []proto.Message{quote(), book(), logLine(), document(), &transcodev1.Document{}} {
		for _, opts := range []transcode.Options{
			{}, {ProtoNames: true}, {EnumNumbers: true}, {EmitDefaults: true}, {EmitUnpopulated: true},
		} {
			out, err := newTranscoder(t, message, opts).AppendJSON(nil, marshal(message))
			require.NoError(t, err)
			sum.Write(out)
		}
	}
	assert.Equal(t, outputs[transcode.Version], hex.EncodeToString(sum.Sum(nil)), "raise Version, and add the new sum")
}
