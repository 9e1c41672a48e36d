package stream

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// Details that would be very much larger as JSON are left out, from the first one that is.
func TestDetailsAreBoundedAsJSON(t *testing.T) {
	pack := func(m proto.Message) *anypb.Any {
		d, err := anypb.New(m)
		require.NoError(t, err)
		return d
	}
	small := pack(structpb.NewStringValue("small"))
	control := pack(structpb.NewStringValue(strings.Repeat("\x01", maxDetailBytes/4))) // six characters each
	nested := &anypb.Any{TypeUrl: "x/test.transcode.v1.Small", Value: bytes.Repeat([]byte{0x22, 0}, maxDetailBytes/2)}
	for name, tt := range map[string]struct {
		details []*anypb.Any
		want    int
	}{
		"small ones":         {[]*anypb.Any{small, small}, 2},
		"one too large":      {[]*anypb.Any{small, pack(structpb.NewStringValue(strings.Repeat("\x01", maxDetailBytes))), small}, 1},
		"together too large": {[]*anypb.Any{small, control, control, control, control, small}, 3},
		"merged":             {[]*anypb.Any{small, nested}, 2},
		"malformed":          {[]*anypb.Any{small, {TypeUrl: "x/test.transcode.v1.Small", Value: []byte{0x08}}, {TypeUrl: "\xff"}, small}, 4},
		"of unknown type":    {[]*anypb.Any{{TypeUrl: "x/no.Such", Value: []byte("v")}, small}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := detailsJSON(tt.details, nil)
			assert.Len(t, got, tt.want)
			size := 0
			for _, detail := range got {
				assert.True(t, json.Valid(detail))
				size += len(detail)
			}
			assert.LessOrEqual(t, size, maxDetailJSON)
		})
	}
	_ = (&transcodev1.Small{}).ProtoReflect() // so that its type is registered
}
