package transcode_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// wordy returns a message with lists of an enum, of messages with a hundred bools, and of itself, all of which have long names.
func wordy(t testing.TB) protoreflect.MessageDescriptor {
	long := func(prefix string, n int) *string {
		return proto.String(fmt.Sprintf("%s%d_%s", prefix, n, strings.Repeat("x", 200)))
	}
	list := descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	of := func(number int32, typ descriptorpb.FieldDescriptorProto_Type, name string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: long("f", int(number)), Number: proto.Int32(number), Label: list, Type: typ.Enum()}
		if name != "" {
			f.TypeName = proto.String(name)
		}
		return f
	}
	flags := &descriptorpb.DescriptorProto{Name: proto.String("Flags")}
	for i := range 100 {
		flags.Field = append(flags.Field, &descriptorpb.FieldDescriptorProto{
			Name: long("b", i), Number: proto.Int32(int32(i + 1)),
			Type: descriptorpb.FieldDescriptorProto_TYPE_BOOL.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		})
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("wordy.proto"), Syntax: proto.String("proto3"),
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("E"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: long("E", 0), Number: proto.Int32(0)}}}},
		MessageType: []*descriptorpb.DescriptorProto{flags, {Name: proto.String("Wordy"), Field: []*descriptorpb.FieldDescriptorProto{
			of(1, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".Flags"), of(2, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".Flags"),
			of(3, descriptorpb.FieldDescriptorProto_TYPE_ENUM, ".E"), of(4, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".Wordy"),
			of(5, descriptorpb.FieldDescriptorProto_TYPE_BOOL, ""),
		}}},
	}, nil)
	require.NoError(t, err)
	return file.Messages().ByName("Wordy")
}

// bomb is a message whose JSON would be very much larger.
type bomb struct {
	name string
	md   protoreflect.MessageDescriptor
	wire []byte
}

func bombs(t testing.TB) []bomb {
	w, describe := wordy(t), func(m proto.Message) protoreflect.MessageDescriptor { return m.ProtoReflect().Descriptor() }
	many := func(n int, part ...byte) []byte { return bytes.Repeat(part, n) }
	block := func(number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
	}
	var keys []byte
	for i := range 400_000 {
		keys = append(keys, block(5, append([]byte{0x0a, 4}, fmt.Sprintf("%c%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576%26)...))...)
	}
	inside := append(protowire.AppendString([]byte{0x0a}, "x/test.transcode.v1.Proto3"), block(2, many(100_000, 0xaa, 0x03, 0x00))...)
	return []bomb{
		{"20 KB of empty elements", w, many(10_000, 0x0a, 0)},
		{"200 KB of empty elements", w, many(100_000, 0x0a, 0)},
		{"empty elements in two runs", w, append(many(10_000, 0x0a, 0), append([]byte{0x12, 0}, many(10_000, 0x0a, 0)...)...)},
		{"empty elements, two lists by turns", w, many(600_000, 0x0a, 0, 0x12, 0)},
		{"empty elements of a recursive message", w, many(1_200_000, 0x22, 0)},
		{"enum values with long names", w, block(3, make([]byte, 100_000))},
		{"enum values with long names, in two runs", w, append(block(3, make([]byte, 100_000)), append([]byte{0x12, 0}, block(3, make([]byte, 100_000))...)...)},
		{"bools", w, block(5, make([]byte, 2_000_000))},
		{"a string of control characters", describe(&transcodev1.Small{}), block(2, make([]byte, 1_500_000))},
		{"strings of control characters, twice", describe(&transcodev1.Small{}), append(block(2, make([]byte, 1_500_000)), block(2, make([]byte, 1_500_000))...)},
		{"bytes", describe(&transcodev1.Proto3{}), block(15, make([]byte, 3_900_000))},
		{"a map of many keys", describe(&transcodev1.Small{}), keys},
		{"a Struct", describe(&structpb.ListValue{}), many(1_200_000, 0x0a, 2, 0x08, 0)},
		{"lists in lists", describe(&structpb.ListValue{}), many(1_000_000, 0x0a, 2, 0x32, 0)},
		{"inside of an Any", describe(&anypb.Any{}), inside},
		{"a FieldMask", describe(&fieldmaskpb.FieldMask{}), many(2_200_000, 0x0a, 1, 'a')},
	}
}

// A few bytes can stand for gigabytes of JSON. JSON over the budget is refused while it is written, with little memory.
func TestASmallMessageNeverBecomesHugeJSON(t *testing.T) {
	const budget = 4 << 20
	for _, tt := range bombs(t) {
		t.Run(tt.name, func(t *testing.T) {
			tc, err := transcode.New(tt.md, transcode.Options{EmitDefaults: true, MaxBytes: budget})
			require.NoError(t, err)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := tc.AppendJSON(nil, tt.wire)
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes on the wire, %d allocated: %d fallbacks, %v", len(tt.wire), allocated, tc.Fallbacks(), err)
			if err == nil {
				require.LessOrEqual(t, len(got), budget)
			} else {
				require.ErrorIs(t, err, transcode.ErrTooLarge)
			}
			// This is everything that was allocated, not only what was held at one time.
			most := 2*budget + len(tt.wire)/2 + 1<<16
			if tc.Fallbacks() > 0 {
				most += 2*len(tt.wire) + budget // a copy, and a second walk
			}
			if strings.Contains(tt.name, "keys") {
				most += 4 * len(tt.wire) // the tables by which the newest entry of each key is found, the larger ones after the smaller
			} else {
				most = min(most, 16<<20)
			}
			assert.Less(t, int(allocated), most)
		})
	}
}

// The budget is exact, with and without a merge.
func TestTheBudgetIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := drawOptions(t)
		md := rapid.SampledFrom(testMessages()).Draw(t, "type").ProtoReflect().Descriptor()
		d := wireDrawer{t: t, odd: rapid.Bool().Draw(t, "odd")}
		wire := d.message(md)
		unlimited, err := transcode.New(md, opts)
		require.NoError(t, err)
		want, err := unlimited.AppendJSON(nil, wire)
		if err != nil {
			return
		}
		dst := append(make([]byte, 0, rapid.IntRange(1, 3000).Draw(t, "room")), 'x')
		for limit, fits := range map[int]bool{len(want): true, len(want) - 1: false, len(want) / 2: false} {
			if limit == 0 {
				continue
			}
			opts.MaxBytes = limit
			limited, err := transcode.New(md, opts)
			require.NoError(t, err)
			got, err := limited.AppendJSON(dst, wire)
			if !fits {
				require.ErrorIs(t, err, transcode.ErrTooLarge)
				require.Equal(t, "x", string(got))
				continue
			}
			require.NoError(t, err)
			require.Equal(t, "x"+string(want), string(got))
		}
	})
}

// countdown is a context that ends after so many calls of Err.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// When the context ends, the work stops, wherever it is.
func TestTheWorkStopsWithItsContext(t *testing.T) {
	list := bytes.Repeat([]byte{0x1a, 0}, 20_000) // of words
	for name, wire := range map[string][]byte{
		"one walk": bytes.Repeat([]byte{0xaa, 0x03, 0x00}, 20_000),
		"a merge":  append(bytes.Repeat([]byte{0xaa, 0x03, 0x00, 0x92, 0x03, 0x00}, 20_000), list...),
	} {
		t.Run(name, func(t *testing.T) {
			tc := newTranscoder(t, &transcodev1.Proto3{}, transcode.Options{})
			patient := &countdown{context.Background(), 1 << 20}
			_, err := tc.AppendJSONContext(patient, nil, wire)
			require.NoError(t, err)
			asked := 1<<20 - patient.left
			require.Greater(t, asked, 15)
			for n := 0; n < asked; n += 1 + asked/20 {
				got, err := tc.AppendJSONContext(&countdown{context.Background(), n}, []byte("x"), wire)
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, "x", string(got))
			}
		})
	}
}
