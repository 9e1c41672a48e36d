package transcode_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// A time, a duration and a wrapper have a text when they are set, even if they are zero.
func TestPathsToTimesDurationsAndWrappers(t *testing.T) {
	for name, tt := range map[string]struct {
		message *transcodev1.Known
		field   string
		want    string
	}{
		"time":          {&transcodev1.Known{OneTimestamp: &timestamppb.Timestamp{Seconds: 1, Nanos: 5e8}}, "one_timestamp", "1970-01-01T00:00:01.500Z"},
		"epoch":         {&transcodev1.Known{OneTimestamp: &timestamppb.Timestamp{}}, "one_timestamp", "1970-01-01T00:00:00Z"},
		"duration":      {&transcodev1.Known{OneDuration: &durationpb.Duration{Seconds: -1, Nanos: -5e8}}, "one_duration", "-1.500s"},
		"zero duration": {&transcodev1.Known{OneDuration: &durationpb.Duration{}}, "one_duration", "0s"},
		"int64":         {&transcodev1.Known{OneInt64Value: wrapperspb.Int64(-7)}, "one_int64_value", "-7"},
		"zero":          {&transcodev1.Known{OneInt64Value: wrapperspb.Int64(0)}, "one_int64_value", "0"},
		"double":        {&transcodev1.Known{OneDoubleValue: wrapperspb.Double(0)}, "one_double_value", "0"},
		"bool":          {&transcodev1.Known{OneBoolValue: wrapperspb.Bool(false)}, "one_bool_value", "false"},
		"string":        {&transcodev1.Known{OneStringValue: wrapperspb.String("a\nb")}, "one_string_value", "a\nb"},
		"empty string":  {&transcodev1.Known{OneStringValue: wrapperspb.String("")}, "one_string_value", ""},
		"bytes":         {&transcodev1.Known{OneBytesValue: wrapperspb.Bytes([]byte{0xff})}, "one_bytes_value", "\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			p := compilePath(t, tt.message, tt.field)
			assert.True(t, p.HasText())
			assert.Equal(t, transcode.PathMessage, p.Kind())
			got, ok, err := p.AppendText([]byte("x"), marshal(tt.message))
			require.NoError(t, err)
			assert.True(t, ok)
			assert.Equal(t, "x"+tt.want, string(got))
			got, ok, err = p.AppendText([]byte("x"), nil)
			require.NoError(t, err)
			assert.False(t, ok, "it is not set")
			assert.Equal(t, "x", string(got))
		})
	}
}

// The text is that of the JSON, also after a merge.
func TestPathTextIsThatOfJSON(t *testing.T) {
	first := marshal(&transcodev1.Known{OneTimestamp: &timestamppb.Timestamp{Seconds: 1, Nanos: 3}})
	second := marshal(&transcodev1.Known{OneTimestamp: &timestamppb.Timestamp{Seconds: 1 << 33}})
	got, ok, err := compilePath(t, &transcodev1.Known{}, "one_timestamp").AppendText(nil, joined(first, second))
	require.NoError(t, err)
	require.True(t, ok)
	want, err := protojson.Marshal(&timestamppb.Timestamp{Seconds: 1 << 33, Nanos: 3})
	require.NoError(t, err)
	assert.Equal(t, string(want), `"`+string(got)+`"`)
	twice := joined(marshal(&transcodev1.Known{OneInt64Value: wrapperspb.Int64(1)}), marshal(&transcodev1.Known{OneInt64Value: wrapperspb.Int64(2)}))
	got, _, err = compilePath(t, &transcodev1.Known{}, "one_int64_value").AppendText(nil, twice)
	require.NoError(t, err)
	assert.Equal(t, "2", string(got))
}

func TestPathTextErrors(t *testing.T) {
	p := compilePath(t, &transcodev1.Known{}, "one_timestamp")
	for name, tt := range map[string]struct {
		content []byte
		want    error
	}{
		"year 10000":      {protowire.AppendVarint([]byte{0x08}, 253402300800), transcode.ErrUnrepresentable},
		"negative nanos":  {protowire.AppendVarint([]byte{0x10}, ^uint64(0)), transcode.ErrUnrepresentable},
		"malformed":       {[]byte{0x08}, transcode.ErrMalformed},
		"a malformed tag": {[]byte{0x80}, transcode.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			number := (&transcodev1.Known{}).ProtoReflect().Descriptor().Fields().ByName("one_timestamp").Number()
			wire := protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), tt.content)
			got, ok, err := p.AppendText([]byte("x"), wire)
			require.ErrorIs(t, err, tt.want)
			assert.False(t, ok)
			assert.Equal(t, "x", string(got))
			assert.ErrorContains(t, err, "test.transcode.v1.Known: field one_timestamp")
		})
	}
	wrapper := compilePath(t, &transcodev1.Known{}, "one_int64_value")
	number := wrapper.Descriptor().Number()
	_, _, err := wrapper.AppendText(nil, protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), []byte{0x08}))
	require.ErrorIs(t, err, transcode.ErrMalformed)
}

func TestOtherMessagesHaveNoText(t *testing.T) {
	for _, field := range []string{"one_empty", "one_struct", "one_any", "one_field_mask"} {
		assert.False(t, compilePath(t, &transcodev1.Known{}, field).HasText(), field)
	}
}
