package transcode_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// FuzzAppendJSON compares the Transcoder with protojson on any bytes: both fail, or both give the same JSON.
func FuzzAppendJSON(f *testing.F) {
	inside, err := anypb.New(&timestamppb.Timestamp{Seconds: 1, Nanos: 5})
	if err != nil {
		f.Fatal(err)
	}
	list, err := structpb.NewList([]any{nil, true, 1.5, "s", []any{}, map[string]any{"k": "v"}})
	if err != nil {
		f.Fatal(err)
	}
	extended := &transcodev1.Proto2{Part: &transcodev1.Proto2_Part{Number: proto.Int32(1), Piece: []*transcodev1.Proto2_Part_Piece{{Name: proto.String("n")}}}}
	proto.SetExtension(extended, transcodev1.E_ExtPacked, []int32{1, 2})
	small := marshal(&transcodev1.Small{Number: 1, Text: "t", Words: []string{"a", "b"}, Counts: map[string]int32{"a": 1}, Numbers: []int32{3, 4}})
	for i, wire := range [][]byte{
		small,
		marshal(&transcodev1.Proto3{OneInt64: 5, ManyDouble: []float64{0.1, 1e30}, ByBool: map[bool]string{true: "x"}, Renamed: "r"}),
		marshal(&transcodev1.Known{OneAny: inside, OneListValue: list, OneTimestamp: &timestamppb.Timestamp{Seconds: -1}}),
		marshal(extended),
		marshal(&transcodev1.Edition{Delimited: &transcodev1.Edition{ExplicitNumber: proto.Int32(1)}, PackedNumbers: []int32{1, 2}}),
		marshal(quote()), marshal(book()), marshal(logLine()),
		append(small, small...),
	} {
		f.Add(uint8(i), uint8(i), wire)
	}
	messages := testMessages()
	var transcoders [16][]*transcode.Transcoder
	for options := range transcoders {
		for _, m := range messages {
			transcoders[options] = append(transcoders[options], newTranscoder(f, m, optionsOf(options)))
		}
	}
	f.Fuzz(func(t *testing.T, which, options uint8, wire []byte) {
		options %= 16
		assertSame(t, transcoders[options][int(which)%len(messages)], optionsOf(int(options)), wire)
	})
}

// optionsOf returns the options that the bits of a number stand for.
func optionsOf(bits int) transcode.Options {
	return transcode.Options{ProtoNames: bits&1 != 0, EnumNumbers: bits&2 != 0, EmitDefaults: bits&4 != 0, EmitUnpopulated: bits&8 != 0}
}

// FuzzPath compares field paths with the parsed message.
func FuzzPath(f *testing.F) {
	f.Add(uint8(0), marshal(&transcodev1.Small{Number: 1, Text: "t", Next: &transcodev1.Small{Pick: &transcodev1.Small_Left{Left: 1}}}))
	f.Add(uint8(3), marshal(&transcodev1.Proto2{Part: &transcodev1.Proto2_Part{Number: proto.Int32(1)}}))
	f.Add(uint8(4), marshal(&transcodev1.Edition{Delimited: &transcodev1.Edition{ExplicitNumber: proto.Int32(1)}}))
	messages := testMessages()
	f.Fuzz(func(t *testing.T, which uint8, wire []byte) {
		assertPaths(t, messages[int(which)%len(messages)].ProtoReflect().Descriptor(), wire)
	})
}
