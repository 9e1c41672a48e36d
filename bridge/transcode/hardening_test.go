package transcode_test

import (
	"encoding/base64"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/runtime/protoimpl"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// nest returns nested messages, each in the same field behind the same bytes.
func nest(levels int, num protowire.Number, before ...byte) []byte {
	var heads [][]byte // from the innermost one
	size := 0
	for range levels {
		head := protowire.AppendTag(append([]byte{}, before...), num, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(size))
		heads = append(heads, head)
		size += len(head)
	}
	slices.Reverse(heads)
	return slices.Concat(heads...)
}

func nestGroups(levels int, num protowire.Number) (wire []byte) {
	for range levels {
		wire = protowire.AppendTag(wire, num, protowire.StartGroupType)
	}
	for range levels {
		wire = protowire.AppendTag(wire, num, protowire.EndGroupType)
	}
	return wire
}

// The limit of nesting is that of protobuf, wherever messages nest.
func TestNestingLimit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		message proto.Message
		number  protowire.Number
		most    int
	}{
		{"messages", &transcodev1.Small{}, 4, 9_999},
		{"extensible messages", &transcodev1.Edition{}, 8, 9_999},
		{"list elements", &transcodev1.Proto3{}, 53, 9_999},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tc := newTranscoder(t, tt.message, transcode.Options{})
			assertSameVerdict(t, tc, nest(tt.most, tt.number))
			assertSameVerdict(t, tc, nest(tt.most+1, tt.number))
			_, err := tc.AppendJSON(nil, nest(tt.most, tt.number))
			require.NoError(t, err)
			_, err = tc.AppendJSON(nil, nest(100_000, tt.number))
			require.ErrorIs(t, err, transcode.ErrTooDeep)
		})
	}
	t.Run("groups", func(t *testing.T) {
		tc := newTranscoder(t, &transcodev1.Edition{}, transcode.Options{})
		assertSameVerdict(t, tc, nestGroups(1_000, 9))
		_, err := tc.AppendJSON(nil, nestGroups(9_999, 9))
		require.NoError(t, err)
		_, err = tc.AppendJSON(nil, nestGroups(1_000_000, 9))
		require.ErrorIs(t, err, transcode.ErrTooDeep)
	})
	t.Run("Struct", func(t *testing.T) {
		tc := newTranscoder(t, &structpb.ListValue{}, transcode.Options{})
		// The field of a ListValue has the number 1, that of a Value 6.
		value := func(levels int) (wire []byte) {
			for range levels {
				wire = protowire.AppendBytes([]byte{0x0a}, protowire.AppendBytes([]byte{0x32}, wire))
			}
			return wire
		}
		assertSameVerdict(t, tc, value(4_999))
		_, err := tc.AppendJSON(nil, value(4_999))
		require.NoError(t, err)
		assertSameVerdict(t, tc, value(5_000))
	})
	t.Run("Any", func(t *testing.T) {
		tc := newTranscoder(t, &anypb.Any{}, transcode.Options{})
		url := "/google.protobuf.Any"
		before := protowire.AppendString([]byte{0x0a}, url)
		_, err := tc.AppendJSON(nil, nest(100, 2, before...)) // the innermost is empty
		require.NoError(t, err)
		_, err = tc.AppendJSON(nil, nest(20_000, 2, before...))
		require.ErrorIs(t, err, transcode.ErrTooDeep)
	})
}

// Every prefix of a message is a message or an error. There is never a panic, and no byte behind the prefix is read.
func TestCutOff(t *testing.T) {
	for _, m := range []proto.Message{quote(), book(), logLine()} {
		wire := marshal(m)
		tc := newTranscoder(t, m, transcode.Options{})
		for n := range wire {
			assertSame(t, tc, transcode.Options{}, append([]byte(nil), wire[:n]...))
			// The rest of the message follows in memory, but must not be read.
			got, err := tc.AppendJSON(nil, wire[:n])
			want, wantErr := tc.AppendJSON(nil, append(make([]byte, 0, n), wire[:n]...))
			assert.Equal(t, want, got)
			assert.Equal(t, wantErr, err)
		}
	}
}

// Types and extensions are met for the first time while other goroutines work.
func TestConcurrentUse(t *testing.T) {
	message := &transcodev1.Proto2{}
	proto.SetExtension(message, transcodev1.E_ExtInt32, int32(7))
	inside, err := anypb.New(&transcodev1.Small{Number: 1, Counts: map[string]int32{"a": 1}})
	require.NoError(t, err)
	outer, err := anypb.New(message)
	require.NoError(t, err)
	known := &transcodev1.Known{OneAny: inside, ManyAny: []*anypb.Any{outer, inside}}
	tc := newTranscoder(t, known, transcode.Options{})
	wire := marshal(known)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				assertSame(t, tc, transcode.Options{}, wire)
			}
		})
	}
	all.Wait()
}

func TestErrorsSayWhere(t *testing.T) {
	book := &transcodev1.Book{Symbol: "A", Bids: []*transcodev1.Level{{Price: 1}, {Price: 2}}}
	wire := marshal(book)
	wire = wire[:len(wire)-1]
	wire[15] = 8 // the second level is a byte shorter
	for _, tt := range []struct {
		name    string
		message proto.Message
		wire    []byte
		want    string
	}{
		{"nested", book, wire, "test.transcode.v1.Book: field bids.price: at byte 17: malformed protobuf message"},
		{"string in a map", &transcodev1.Small{}, []byte{0x08, 0x01, 0x2a, 0x03, 0x0a, 0x01, 0xff},
			"test.transcode.v1.Small: field counts: at byte 6: string is not valid UTF-8"},
		{"time", &transcodev1.Quote{}, marshalTime(1 << 40),
			"test.transcode.v1.Quote: field event_time: at byte 2: value has no JSON form: timestamp of 1099511627776 s and 0 ns is out of range"},
		{"required", &transcodev1.Proto2{}, marshalNeedy(), "test.transcode.v1.Proto2: field needy.text: at byte 3: required field is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newTranscoder(t, tt.message, transcode.Options{}).AppendJSON(nil, tt.wire)
			assert.EqualError(t, err, tt.want)
		})
	}
}

func marshalTime(seconds uint64) []byte {
	content := protowire.AppendVarint([]byte{0x08}, seconds)
	return protowire.AppendBytes([]byte{0x42}, content)
}

func marshalNeedy() []byte {
	wire, _ := proto.MarshalOptions{AllowPartial: true}.Marshal(&transcodev1.Proto2{Needy: &transcodev1.Needy{Number: proto.Int32(1)}})
	return wire
}

// Descriptors may be wrong. protojson would panic on this one.
func TestFalseWellKnownType(t *testing.T) {
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("false.proto"), Package: proto.String("google.protobuf"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Timestamp")}, {Name: proto.String("StringValue")}},
	}, nil)
	require.NoError(t, err)
	for i := range 2 {
		_, err = transcode.New(file.Messages().Get(i), transcode.Options{})
		require.ErrorContains(t, err, "is not the well-known type of that name")
	}
}

// A wrong descriptor does not pass inside of an Any either: its type counts as unknown.
func TestFalseWellKnownTypeInside(t *testing.T) {
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("false.proto"), Package: proto.String("google.protobuf"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("FieldMask")}},
	}, nil)
	require.NoError(t, err)
	files := new(protoregistry.Files)
	require.NoError(t, files.RegisterFile(file))
	tc := newTranscoder(t, &anypb.Any{}, transcode.Options{Resolver: dynamicpb.NewTypes(files)})
	for _, value := range [][]byte{nil, {0x08, 0x01}} {
		got, err := tc.AppendJSON(nil, marshal(&anypb.Any{TypeUrl: "/google.protobuf.FieldMask", Value: value}))
		require.NoError(t, err)
		want := `{"@type":"/google.protobuf.FieldMask","value":"` + base64.StdEncoding.EncodeToString(value) + `"}`
		require.Equal(t, want, string(got))
	}
}

func TestMessageSetIsRefused(t *testing.T) {
	raw := marshal(&descriptorpb.FileDescriptorProto{
		Name: proto.String("set.proto"), Syntax: proto.String("proto2"),
		MessageType: []*descriptorpb.DescriptorProto{
			{
				Name: proto.String("Set"), Options: &descriptorpb.MessageOptions{MessageSetWireFormat: proto.Bool(true)},
				ExtensionRange: []*descriptorpb.DescriptorProto_ExtensionRange{{Start: proto.Int32(4), End: proto.Int32(1000)}},
			},
			{Name: proto.String("Holder"), Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("set"), Number: proto.Int32(1), TypeName: proto.String(".Set"),
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
			}}},
		},
	})
	// protodesc refuses such descriptors; those of generated code are made so.
	file := protoimpl.DescBuilder{RawDescriptor: raw, FileRegistry: new(protoregistry.Files)}.Build().File
	tc, err := transcode.New(file.Messages().ByName("Holder"), transcode.Options{})
	require.NoError(t, err)
	assertSame(t, tc, transcode.Options{}, nil)
	assertSame(t, tc, transcode.Options{}, []byte{0x0a, 0x00})
	_, err = tc.AppendJSON(nil, []byte{0x0a, 0x00})
	require.ErrorIs(t, err, transcode.ErrUnrepresentable)
}
