package transcode_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func compilePath(t testing.TB, m proto.Message, path string) *transcode.Path {
	t.Helper()
	p, err := transcode.CompilePath(m.ProtoReflect().Descriptor(), path)
	require.NoError(t, err)
	assert.Equal(t, path, p.String())
	return p
}

func TestPathAppendText(t *testing.T) {
	event := &streamv1.Event{
		Sequence: -7,
		Kind:     "tick\n",
		Filter:   &streamv1.Filter{Open: true, Inner: &streamv1.Filter{Venue: "XNAS"}},
		Time:     &timestamppb.Timestamp{Seconds: 5},
		Body:     &streamv1.Event_Error{Error: ""},
	}
	request := &streamv1.WatchRequest{
		Level: streamv1.Level_LEVEL_HIGH, Ratio: 0.5, Count: 9, Token: []byte{0xff}, Verbose: proto.Bool(false),
		Selector: &streamv1.WatchRequest_Number{Number: 0},
	}
	for _, tt := range []struct {
		message proto.Message
		path    string
		want    string
		ok      bool
	}{
		{event, "sequence", "-7", true},
		{event, "kind", "tick\n", true},
		{event, "text", "", false},
		{event, "filter.open", "true", true},
		{event, "filter.inner.venue", "XNAS", true},
		{event, "filter.inner.open", "", false},
		{event, "time.seconds", "5", true},
		{event, "body", "error", true},
		{event, "error", "", true},
		{event, "note", "", false},
		{event, "filter", "", false},
		{&streamv1.Event{}, "body", "", false},
		{request, "level", "LEVEL_HIGH", true},
		{&streamv1.WatchRequest{Level: 77}, "level", "77", true},
		{request, "ratio", "0.5", true},
		{request, "count", "9", true},
		{request, "token", "\xff", true},
		{request, "verbose", "false", true},
		{request, "selector", "number", true},
		{request, "number", "0", true},
	} {
		t.Run(tt.path, func(t *testing.T) {
			p := compilePath(t, tt.message, tt.path)
			got, ok, err := p.AppendText([]byte("id:"), wireOf(t, tt.message))
			require.NoError(t, err)
			assert.Equal(t, tt.ok, ok)
			assert.Equal(t, "id:"+tt.want, string(got))
		})
	}
}

// A path treats repeated occurrences as a parser does.
func TestPathMerges(t *testing.T) {
	wire := func(messages ...*streamv1.Event) (all []byte) {
		for _, m := range messages {
			all = append(all, wireOf(t, m)...)
		}
		return all
	}
	first := &streamv1.Event{Sequence: 1, Filter: &streamv1.Filter{Venue: "A", Inner: &streamv1.Filter{Venue: "B"}}}
	second := &streamv1.Event{Sequence: 2, Filter: &streamv1.Filter{Open: true, Inner: &streamv1.Filter{Open: true}}}
	change := &streamv1.Event{Body: &streamv1.Event_Change{Change: &streamv1.Filter{Venue: "C"}}}
	opened := &streamv1.Event{Body: &streamv1.Event_Change{Change: &streamv1.Filter{Open: true}}}
	note := &streamv1.Event{Body: &streamv1.Event_Note{Note: "n"}}

	for _, tt := range []struct {
		name, path, want string
		wire             []byte
	}{
		{"last scalar", "sequence", "2", wire(first, second)},
		{"merged message", "filter.inner.venue", "B", wire(first, second)},
		{"merged message, other part", "filter.inner.open", "true", wire(first, second)},
		{"merged member", "change.venue", "C", wire(change, opened)},
		{"member unset by another", "change.venue", "", wire(change, note)},
		{"member unset and set again", "change.venue", "", wire(change, note, opened)},
		{"member set again", "change.open", "true", wire(change, note, opened)},
		{"oneof", "body", "note", wire(change, note)},
		{"oneof, earlier member last", "body", "change", wire(change, note, opened)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := compilePath(t, first, tt.path).AppendText(nil, tt.wire)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
		})
	}

	sub, err := compilePath(t, first, "filter").Message(wire(first, second, first))
	require.NoError(t, err)
	var got streamv1.Filter
	require.NoError(t, proto.Unmarshal(sub, &got))
	assert.True(t, proto.Equal(&streamv1.Filter{Venue: "A", Open: true, Inner: &streamv1.Filter{Venue: "B", Open: true}}, &got), got.String())
}

func TestPathHas(t *testing.T) {
	event := &streamv1.Event{Filter: &streamv1.Filter{}, Text: "x", Body: &streamv1.Event_Note{}}
	wire := append(wireOf(t, event), 0x08, 0x00) // and an explicit zero for sequence
	for path, want := range map[string]bool{
		"filter": true, "filter.venue": false, "filter.inner": false, "time": false, "time.seconds": false,
		"text": true, "sequence": false, "body": true, "note": true, "change": false,
	} {
		got, err := compilePath(t, event, path).Has(wire)
		require.NoError(t, err)
		assert.Equal(t, want, got, path)
	}
}

func TestPathMalformed(t *testing.T) {
	p := compilePath(t, &streamv1.Event{}, "filter.venue")
	_, _, err := p.AppendText(nil, []byte{0x08, 0x01, 0x2a, 0x02, 0x0a, 0x05})
	require.ErrorIs(t, err, transcode.ErrMalformed)
	assert.EqualError(t, err, "test.stream.v1.Event: field filter.venue: at byte 4: malformed protobuf message")
}

func TestCompilePathErrors(t *testing.T) {
	for _, tt := range []struct{ path, element, reason string }{
		{"sequense", "sequense", "does not exist"},
		{"", "", "does not exist"},
		{"filter.", "", "does not exist"},
		{"kind.x", "kind", "is a scalar, which has no fields"},
		{"selector.name", "selector", "is a oneof, which has no fields of its own: name the member"},
		{"tags", "tags", "is a repeated field; a path needs a single value"},
		{"labels", "labels", "is a map; a path needs a single value"},
		{"_verbose", "_verbose", "does not exist"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			var md = (&streamv1.WatchRequest{}).ProtoReflect().Descriptor()
			if tt.path == "kind.x" {
				md = (&streamv1.Event{}).ProtoReflect().Descriptor()
			}
			_, err := transcode.CompilePath(md, tt.path)
			var e *transcode.PathError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.element, e.Element)
			assert.Equal(t, tt.reason, e.Reason)
			assert.Equal(t, tt.path, e.Path)
			assert.Equal(t, tt.reason == "does not exist", len(e.Have) > 0)
		})
	}
}

// A name in a path means the same field as in a request: the JSON name comes first.
func TestAPathNamesFieldsAsRequestsDo(t *testing.T) {
	field := func(number int32, name, jsonName string) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: proto.String(name), JsonName: proto.String(jsonName), Number: proto.Int32(number),
			Type:  descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("names.proto"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Names"), Field: []*descriptorpb.FieldDescriptorProto{
			field(1, "alpha", "beta"), field(2, "beta", "alpha"), field(3, "event_time", "eventTime"), field(4, "user_id", "user-id"),
		}}},
	}, nil)
	require.NoError(t, err)
	md := file.Messages().Get(0)
	for name, number := range map[string]protoreflect.FieldNumber{
		"alpha": 2, "beta": 1, "event_time": 3, "eventTime": 3, "user_id": 4, "user-id": 4,
	} {
		p, err := transcode.CompilePath(md, name)
		require.NoError(t, err, name)
		assert.Equal(t, number, p.Descriptor().Number(), name)
		text, ok, err := p.AppendText(nil, protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), "x"))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, "x", string(text))
	}
}
