package transcode_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func newTranscoder(t testing.TB, m proto.Message, opts transcode.Options) *transcode.Transcoder {
	t.Helper()
	tc, err := transcode.New(m.ProtoReflect().Descriptor(), opts)
	require.NoError(t, err)
	return tc
}

func wireOf(t testing.TB, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(m)
	require.NoError(t, err)
	return wire
}

func TestAppendJSON(t *testing.T) {
	event := &streamv1.Event{
		Sequence: 7,
		Kind:     "a\r\n\x00\"b\u2028",
		Payload:  []byte{0xfb, 0xff},
		Filter:   &streamv1.Filter{Venue: "XNAS", Open: true, Inner: &streamv1.Filter{}},
		Time:     &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 120_000_000},
		Body:     &streamv1.Event_Note{Note: ""},
	}
	wire := wireOf(t, event)
	tc := newTranscoder(t, event, transcode.Options{})

	got, err := tc.AppendJSON([]byte("data: "), wire)
	require.NoError(t, err)
	assert.NotContains(t, string(got), "\n")
	assert.NotContains(t, string(got), "\r")
	assert.NotContains(t, string(got), "\x00")
	require.Equal(t, "data: ", string(got[:6]))
	want, err := protojson.Marshal(event)
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(got[6:]))
	assert.NotContains(t, string(got[6:]), ", ", "compact")
}

func TestAppendJSONOptions(t *testing.T) {
	event := &streamv1.WatchRequest{AfterSequence: 1, Level: streamv1.Level_LEVEL_LOW}
	for name, tt := range map[string]struct {
		opts transcode.Options
		want string
	}{
		"default":     {transcode.Options{}, `{"afterSequence":"1","level":"LEVEL_LOW"}`},
		"proto names": {transcode.Options{ProtoNames: true}, `{"after_sequence":"1","level":"LEVEL_LOW"}`},
		"numbers":     {transcode.Options{EnumNumbers: true}, `{"afterSequence":"1","level":1}`},
		"defaults": {
			transcode.Options{EmitDefaults: true},
			`{"topic":"","afterSequence":"1","tags":[],"level":"LEVEL_LOW","levels":[],"labels":{},"token":"","ratio":0,"count":0,"filters":[]}`,
		},
		"unpopulated": {
			transcode.Options{EmitUnpopulated: true},
			`{"topic":"","afterSequence":"1","tags":[],"level":"LEVEL_LOW","levels":[],"window":null,"since":null,"pageSize":null,"filter":null,
			"labels":{},"token":"","ratio":0,"count":0,"filters":[]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newTranscoder(t, event, tt.opts).AppendJSON(nil, wireOf(t, event))
			require.NoError(t, err)
			assert.JSONEq(t, tt.want, string(got))
		})
	}
}

func TestAppendJSONErrors(t *testing.T) {
	badString := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "\xff")
	deep := []byte{}
	for range 10_000 {
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), deep)
	}
	for name, tt := range map[string]struct {
		message proto.Message
		wire    []byte
		want    error
	}{
		"cut off":        {&streamv1.Event{}, []byte{0x12, 0x05, 'a'}, transcode.ErrMalformed},
		"field number 0": {&streamv1.Event{}, []byte{0x00, 0x00}, transcode.ErrMalformed},
		"lone end group": {&streamv1.Event{}, []byte{0x0c}, transcode.ErrMalformed},
		"string":         {&streamv1.Event{}, badString, transcode.ErrInvalidUTF8},
		"depth":          {&streamv1.Filter{}, deep, transcode.ErrTooDeep},
		"year 10000":     {&timestamppb.Timestamp{}, wireOf(t, &timestamppb.Timestamp{Seconds: 253402300800}), transcode.ErrUnrepresentable},
		"empty value":    {&structpb.Value{}, nil, transcode.ErrUnrepresentable},
		"URL":            {&anypb.Any{}, []byte{0x0a, 0x01, 0xff}, transcode.ErrInvalidUTF8},
	} {
		t.Run(name, func(t *testing.T) {
			tc := newTranscoder(t, tt.message, transcode.Options{})
			dst := make([]byte, 3, 256)
			got, err := tc.AppendJSON(dst, tt.wire)
			require.ErrorIs(t, err, tt.want)
			var e *transcode.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.message.ProtoReflect().Descriptor().FullName(), e.Message)
			assert.Len(t, got, 3)
		})
	}
}
