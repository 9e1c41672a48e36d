package schema

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"pgregory.net/rapid"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// Bytes that a fuzzer turns over seldom parse. This turns over the fields of descriptors that do: names that clash or are
// no names, numbers out of range, types that are not there, labels and indexes that fit nothing.
func TestMutatedDescriptorsNeverPanic(t *testing.T) {
	var whole descriptorpb.FileDescriptorSet
	wire := descriptorSet(t, append(importsOf([]protoreflect.FileDescriptor{streamv1.File_test_stream_v1_stream_proto}),
		compileFiles(t, map[string]string{
			"a.proto": `syntax="proto2"; package a; message M { extensions 500 to 999; reserved 4000; optional group G = 1 { map<int32, M> m = 2; }
				enum E { Z = 3; } optional E e = 4 [default = Z]; oneof o { int32 x = 6; M y = 7; } } extend M { optional string s = 800; }
				service S { rpc R(M) returns (stream M); }`,
			"e.proto": `edition = "2023"; package e; import "a.proto"; message N { int32 a = 1 [features.field_presence = IMPLICIT]; a.M b = 2; }`,
		}, "a.proto", "e.proto")[:2]...)...)
	if err := proto.Unmarshal(wire, &whole); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		set := proto.CloneOf(&whole)
		for range rapid.IntRange(1, 4).Draw(t, "mutations") {
			mutate(t, set.ProtoReflect())
		}
		wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(set)
		if err != nil {
			return
		}
		if s, err := parseDescriptorSet(wire); err == nil {
			_, _ = s.Method("a.S", "R")
			_, _ = s.Types("").FindMessageByName("a.M")
		}
	})
}

// mutate walks down to some field of some message and gives it another value.
func mutate(t *rapid.T, m protoreflect.Message) {
	var set []protoreflect.FieldDescriptor
	m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		set = append(set, fd)
		return true
	})
	fields := m.Descriptor().Fields()
	if len(set) == 0 || rapid.IntRange(0, 4).Draw(t, "here") == 0 {
		change(t, m, fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field")))
		return
	}
	// The next field that is set, in their order: Range has none, and rapid needs one.
	fd := set[0]
	pick := rapid.IntRange(0, fields.Len()-1).Draw(t, "below")
	for i := range fields.Len() {
		if f := fields.Get((pick + i) % fields.Len()); m.Has(f) {
			fd = f
			break
		}
	}
	switch {
	case fd.IsMap():
	case fd.Message() == nil:
		change(t, m, fd)
	case fd.IsList():
		list := m.Mutable(fd).List()
		i := rapid.IntRange(0, list.Len()-1).Draw(t, "index")
		if rapid.IntRange(0, 5).Draw(t, "twice") == 0 {
			list.Append(list.Get(i))
			return
		}
		mutate(t, list.Get(i).Message())
	default:
		mutate(t, m.Mutable(fd).Message())
	}
}

func change(t *rapid.T, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if fd.Message() != nil {
		m.Clear(fd)
		return
	}
	value := scalar(t, fd)
	if fd.IsList() {
		m.Mutable(fd).List().Append(value)
		return
	}
	m.Set(fd, value)
}

func scalar(t *rapid.T, fd protoreflect.FieldDescriptor) protoreflect.Value {
	number := rapid.SampledFrom([]int64{0, 1, 2, 3, 5, 7, 11, 19000, -1, 1 << 29, 1<<31 - 1, 998, 1000}).Draw(t, "number")
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.SampledFrom([]string{
			"", "a", "M", "m", "S", ".a.M", "a.M", ".a.S", ".a.M.E", "a.M.G.MEntry", ".", "..", "1", "\x00", "proto2", "proto3", "editions",
			"a.proto", "e.proto", "google/protobuf/any.proto", "key", "value", "x", "_", "MEntry", "-inf", "Z", "\\777",
		}).Draw(t, "text"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("\x0a\x05"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(number%2 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(number))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(number)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(number))
	default:
		return fd.Default()
	}
}
