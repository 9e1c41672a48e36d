package transcode_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

func joined(parts ...[]byte) []byte { return slices.Concat(parts...) }

// mergedMessage is a message that has to be merged, as wire bytes.
type mergedMessage struct {
	name    string
	message proto.Message
	wire    []byte
}

// partial returns the wire bytes of a message that may lack required fields.
func partial(m proto.Message) []byte {
	wire, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return wire
}

type small = transcodev1.Small

// mergedFields returns messages in which plain fields come again.
func mergedFields() []mergedMessage {
	w := partial
	left, right := &small{Pick: &transcodev1.Small_Left{Left: 1}}, &small{Pick: &transcodev1.Small_Right{Right: &small{Number: 2}}}
	part := func(n int32) []byte {
		return w(&transcodev1.Proto2{Part: &transcodev1.Proto2_Part{Number: proto.Int32(n)}})
	}
	ext := func(v int32) []byte {
		m := &transcodev1.Proto2{}
		proto.SetExtension(m, transcodev1.E_ExtInt32, v)
		return w(m)
	}
	return []mergedMessage{
		{"scalar twice", &small{}, joined(w(&small{Number: 1}), w(&small{Number: 2}))},
		{"scalar twice, the last zero", &small{}, joined(w(&small{Number: 1}), []byte{0x08, 0x00})},
		{"scalar twice, the first zero", &small{}, joined([]byte{0x08, 0x00}, w(&small{Number: 1}))},
		{"split list", &small{}, joined(w(&small{Words: []string{"a"}}), w(&small{Number: 1}), w(&small{Words: []string{"b"}}))},
		{"split packed list", &small{}, joined(w(&small{Numbers: []int32{1}}), w(&small{Number: 1}), w(&small{Numbers: []int32{2}}))},
		{"merged message", &small{}, joined(w(&small{Next: &small{Number: 1}}), w(&small{Next: &small{Text: "x"}}))},
		{"two members of a oneof", &small{}, joined(w(left), w(right))},
		{"a member of a oneof twice", &small{}, joined(w(right), w(right))},
		{"field beyond the 64th twice", &transcodev1.Proto3{}, joined(w(&transcodev1.Proto3{Renamed: "a"}), w(&transcodev1.Proto3{Renamed: "b"}))},
		{"extension twice", &transcodev1.Proto2{}, joined(ext(1), ext(2))},
		{"group twice", &transcodev1.Proto2{}, joined(part(1), part(2))},
		{"required field in the second part", &transcodev1.Proto2{}, joined(
			w(&transcodev1.Proto2{Needy: &transcodev1.Needy{Number: proto.Int32(1)}}),
			w(&transcodev1.Proto2{Needy: &transcodev1.Needy{Text: proto.String("t")}}))},
	}
}

// mergedMaps returns messages in which map keys come again.
func mergedMaps() []mergedMessage {
	counts := func(keys ...string) (all []byte) {
		for i, k := range keys {
			all = append(all, partial(&small{Counts: map[string]int32{k: int32(i)}})...)
		}
		return all
	}
	twice := func(a, b *transcodev1.Proto3) []byte { return joined(partial(a), partial(b)) }
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("a key that is longer than sixteen bytes %d", i))
	}
	return []mergedMessage{
		{"split map", &small{}, joined(counts("a"), partial(&small{Number: 1}), counts("b"))},
		{"map key twice", &small{}, counts("a", "b", "a")},
		{"empty map key twice", &small{}, joined(counts(""), []byte{0x2a, 0x00})},
		{"long map key twice among many", &small{}, counts(append(many, many[0])...)},
		{"number key twice", &transcodev1.Proto3{}, twice(
			&transcodev1.Proto3{ByInt32: map[int32]string{-1: "a"}}, &transcodev1.Proto3{ByInt32: map[int32]string{-1: "b"}})},
		{"bool key twice", &transcodev1.Proto3{}, twice(
			&transcodev1.Proto3{ByBool: map[bool]string{true: "a"}}, &transcodev1.Proto3{ByBool: map[bool]string{true: "b"}})},
		{"entry with two keys", &small{}, []byte{0x2a, 0x08, 0x0a, 0x01, 'a', 0x0a, 0x01, 'b', 0x10, 0x01}},
		{"entry with two values", &small{}, []byte{0x2a, 0x07, 0x0a, 0x01, 'a', 0x10, 0x01, 0x10, 0x02}},
	}
}

// mergedKnown returns well-known types in which a field comes again.
func mergedKnown() []mergedMessage {
	w := partial
	return []mergedMessage{
		{"Value with two members", &structpb.Value{}, joined(w(structpb.NewBoolValue(true)), w(structpb.NewNumberValue(1)))},
		{"Struct key twice", &structpb.Struct{}, joined(
			w(&structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewBoolValue(true)}}),
			w(&structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewNumberValue(1)}}))},
		{"Struct key without a value, then with", &structpb.Struct{}, joined([]byte{0x0a, 0x00},
			w(&structpb.Struct{Fields: map[string]*structpb.Value{"": structpb.NewNumberValue(1)}}))},
		{"Any with two URLs", &anypb.Any{}, joined(w(&anypb.Any{TypeUrl: "x/y"}), w(&anypb.Any{TypeUrl: "x/google.protobuf.Empty"}))},
		{"StringValue with two values", &wrapperspb.StringValue{}, joined(w(wrapperspb.String("a")), w(wrapperspb.String("b")))},
		{"time out of range until merged", &transcodev1.Quote{}, joined(
			w(&transcodev1.Quote{EventTime: &timestamppb.Timestamp{Seconds: 1 << 60}}),
			w(&transcodev1.Quote{EventTime: &timestamppb.Timestamp{Seconds: 1}}))},
	}
}

// A message that has to be merged is rewritten, is counted, and is right.
func TestSlowWay(t *testing.T) {
	for _, tt := range slices.Concat(mergedFields(), mergedMaps(), mergedKnown()) {
		t.Run(tt.name, func(t *testing.T) {
			for _, opts := range []transcode.Options{{}, {EmitDefaults: true}} {
				tc := newTranscoder(t, tt.message, opts)
				_, err := byProtojson(tc.Descriptor(), opts, tt.wire)
				require.NoError(t, err, "the test must be about a message that is valid")
				assertSame(t, tc, opts, tt.wire)
				assert.EqualValues(t, 1, tc.Fallbacks())
			}
		})
	}
}

// A message that is unusual but needs no merging is not rewritten.
func TestNotTheSlowWay(t *testing.T) {
	big := &transcodev1.Proto3{ByInt64: map[int64]string{}, ToInt32: map[string]int32{}, ByBool: map[bool]string{true: "", false: ""}}
	for i := range 300 {
		big.ByInt64[int64(i-150)] = "v"
		big.ToInt32[fmt.Sprint("key ", i)] = int32(i)
	}
	nested := &transcodev1.Proto3{ToMessage: map[string]*transcodev1.Proto3{}}
	for i := range 10 {
		nested.ToMessage[fmt.Sprint(i)] = big
	}
	for _, tt := range []struct {
		name    string
		message proto.Message
		wire    []byte
	}{
		{"large maps", big, marshal(big)},
		{"large maps in a large map", nested, marshal(nested)},
		{"map entries without key or value", &transcodev1.Small{}, []byte{0x2a, 0x02, 0x10, 0x01, 0x2a, 0x03, 0x0a, 0x01, 'a', 0x2a, 0x05, 0x10, 0x02, 0x0a, 0x01, 'b'}},
		{"packed and unpacked in one run", &transcodev1.Small{}, []byte{0x48, 0x01, 0x4a, 0x02, 0x02, 0x03, 0x48, 0x04}},
		{"empty packed list", &transcodev1.Small{}, []byte{0x4a, 0x00}},
		{"seconds twice", &durationpb.Duration{}, []byte{0x08, 0x01, 0x08, 0x02}},
		{"field of another wire type", &transcodev1.Small{}, []byte{0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 0x01}},
		{"empty Any", &anypb.Any{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, opts := range []transcode.Options{{}, {EmitDefaults: true}} {
				tc := newTranscoder(t, tt.message, opts)
				assertSame(t, tc, opts, tt.wire)
				assertSame(t, tc, opts, tt.wire)
				assert.Zero(t, tc.Fallbacks())
			}
		})
	}
}
