package transcode_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// Each level of an Any counts twice: the Any and the message inside. The one that comes last is refused.
func TestNestingLimitOfMessagesInAnys(t *testing.T) {
	number := (&transcodev1.Known{}).ProtoReflect().Descriptor().Fields().ByName("one_any").Number()
	var heads [][]byte
	size := 0
	for range 12_000 { // a Known with an Any with a Known
		head := protowire.AppendString([]byte{0x0a}, "/test.transcode.v1.Known")
		head = protowire.AppendVarint(append(head, 0x12), uint64(size))
		size += len(head)
		outer := protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(size))
		size += len(outer)
		heads = append(heads, append(outer, head...))
	}
	for _, levels := range []int{4_999, 5_000, 12_000} {
		var wire []byte
		for i := levels - 1; i >= 0; i-- {
			wire = append(wire, heads[i]...)
		}
		_, err := newTranscoder(t, &transcodev1.Known{}, transcode.Options{}).AppendJSON(nil, wire)
		if levels == 4_999 {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, transcode.ErrTooDeep)
	}
}

// Required fields are not checked inside of an Any. They are checked again behind it.
func TestRequiredFieldsBehindAnAny(t *testing.T) {
	optional, required := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), descriptorpb.FieldDescriptorProto_LABEL_REQUIRED.Enum()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("holder.proto"), Syntax: proto.String("proto2"), Dependency: []string{"google/protobuf/any.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Holder"), Field: []*descriptorpb.FieldDescriptorProto{
			{Name: proto.String("any"), Number: proto.Int32(1), Label: optional,
				Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".google.protobuf.Any")},
			{Name: proto.String("n"), Number: proto.Int32(2), Label: required, Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()},
		}}},
	}, protoregistry.GlobalFiles)
	require.NoError(t, err)
	tc, err := transcode.New(file.Messages().Get(0), transcode.Options{})
	require.NoError(t, err)
	for _, url := range []string{"/test.transcode.v1.Needy", "/google.protobuf.Empty", "/google.protobuf.Int32Value"} {
		wire := protowire.AppendBytes([]byte{0x0a}, marshal(&anypb.Any{TypeUrl: url}))
		_, err = tc.AppendJSON(nil, wire)
		require.ErrorIs(t, err, transcode.ErrRequiredMissing)
		_, err = tc.AppendJSON(nil, append(wire, 0x10, 1))
		require.NoError(t, err)
	}
}

// Messages that are complete do not count as nested, however many there are.
func TestManyNeighboursAreNotNested(t *testing.T) {
	one := &transcodev1.Small{Counts: map[string]int32{"a": 1}}
	inside, err := anypb.New(one)
	require.NoError(t, err)
	known := &transcodev1.Known{ManyAny: []*anypb.Any{inside}}
	for _, m := range []struct {
		message proto.Message
		element proto.Message
	}{
		{&transcodev1.Proto3{}, &transcodev1.Proto3{ManyMessage: []*transcodev1.Proto3{{ByInt32: map[int32]string{1: "a"}}}}},
		{known, known},
	} {
		wire := bytes.Repeat(marshal(m.element), 10_100)
		_, err := newTranscoder(t, m.message, transcode.Options{}).AppendJSON(nil, wire)
		require.NoError(t, err)
	}
}

func TestEdgesOfTheWire(t *testing.T) {
	packed := func(number protowire.Number, size int) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), make([]byte, size))
	}
	fields := (&transcodev1.Proto3{}).ProtoReflect().Descriptor().Fields()
	double, fixed := fields.ByName("many_double").Number(), fields.ByName("many_fixed32").Number()
	tag := func(number uint64) []byte { return append(protowire.AppendVarint(nil, number<<3), 1) }
	for name, wire := range map[string][]byte{
		"packed doubles, a byte short":        packed(double, 15),
		"packed doubles, a byte over":         packed(double, 17),
		"packed fixed32, a byte over":         packed(fixed, 9),
		"packed fixed32, two bytes over":      packed(fixed, 6),
		"the largest field number":            tag(1<<29 - 1),
		"a field number beyond the largest":   tag(1 << 29),
		"a tag of more than 32 bits":          tag(1<<32 + 1),
		"a double of minus zero":              protowire.AppendFixed64(protowire.AppendTag(nil, fields.ByName("one_double").Number(), protowire.Fixed64Type), math.Float64bits(math.Copysign(0, -1))),
		"a float of minus zero":               protowire.AppendFixed32(protowire.AppendTag(nil, fields.ByName("one_float").Number(), protowire.Fixed32Type), 1<<31),
		"an int32 whose lower half is zero":   protowire.AppendVarint(protowire.AppendTag(nil, fields.ByName("one_int32").Number(), protowire.VarintType), 1<<32),
		"a bool of two":                       protowire.AppendVarint(protowire.AppendTag(nil, fields.ByName("one_bool").Number(), protowire.VarintType), 2),
		"a bool of 2^32":                      protowire.AppendVarint(protowire.AppendTag(nil, fields.ByName("one_bool").Number(), protowire.VarintType), 1<<32),
		"a varint of eleven bytes":            append(bytes.Repeat([]byte{0x80}, 10), 1),
		"a length beyond the end, but in cap": append(make([]byte, 0, 64), 0x0a, 5, 'a'),
	} {
		t.Run(name, func(t *testing.T) {
			for options := range 16 {
				opts := optionsOf(options)
				assertSame(t, newTranscoder(t, &transcodev1.Proto3{}, opts), opts, wire)
			}
		})
	}
}

// An enum has 32 bits, however it is written.
func TestPathToAnEnumOf64Bits(t *testing.T) {
	p := compilePath(t, &streamv1.WatchRequest{}, "level")
	for value, want := range map[uint64]string{1 << 32: "", 1<<32 + 1: "LEVEL_LOW", 1: "LEVEL_LOW", math.MaxUint64: "-1", math.MaxUint32: "-1"} {
		wire := protowire.AppendVarint([]byte{0x20}, value)
		got, ok, err := p.AppendText(nil, wire)
		require.NoError(t, err)
		assert.Equal(t, want != "", ok)
		assert.Equal(t, want, string(got))
		has, err := p.Has(wire)
		require.NoError(t, err)
		assert.Equal(t, want != "", has)
	}
}

// Times, durations and field masks are right at the ends of their ranges, and refused outside.
func TestWellKnownTypesAtTheirEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		md := rapid.SampledFrom([]protoreflect.MessageDescriptor{
			(&timestamppb.Timestamp{}).ProtoReflect().Descriptor(), (&durationpb.Duration{}).ProtoReflect().Descriptor(),
			(&fieldmaskpb.FieldMask{}).ProtoReflect().Descriptor(),
		}).Draw(t, "type")
		tc, err := transcode.New(md, transcode.Options{})
		require.NoError(t, err)
		d := wireDrawer{t: t, odd: true}
		assertSame(t, tc, transcode.Options{}, d.message(md))
	})
}
