package describe_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// testTypes returns message types that together have every feature of protobuf. With CONFORMANCE_PROTOS, the directory of the
// .proto files of the official conformance suite, they include the types of the suite.
func testTypes(t *testing.T) []protoreflect.MessageDescriptor {
	t.Helper()
	var types []protoreflect.MessageDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		transcodev1.File_test_transcode_v1_proto3_proto, transcodev1.File_test_transcode_v1_proto2_proto,
		transcodev1.File_test_transcode_v1_edition2023_proto, transcodev1.File_test_transcode_v1_shapes_proto,
		bindv1.File_test_bind_v1_bind_proto, descriptorpb.File_google_protobuf_descriptor_proto,
	} {
		for i := range file.Messages().Len() {
			types = append(types, file.Messages().Get(i))
		}
	}
	return append(types, conformanceTypes(t)...)
}

func conformanceTypes(t *testing.T) (types []protoreflect.MessageDescriptor) {
	t.Helper()
	dir := os.Getenv("CONFORMANCE_PROTOS")
	if dir == "" {
		return nil
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}})}
	for _, name := range []string{"proto2", "proto3", "proto2_editions", "proto3_editions", "edition2023"} {
		files, err := compiler.Compile(context.Background(), "google/protobuf/test_messages_"+name+".proto")
		require.NoError(t, err)
		before := len(types)
		for i := range files[0].Messages().Len() {
			if md := files[0].Messages().Get(i); strings.HasPrefix(string(md.Name()), "TestAllTypes") {
				types = append(types, md)
			}
		}
		require.Greater(t, len(types), before, name)
	}
	return types
}

// drawer draws random messages that have JSON.
type drawer struct {
	t     *rapid.T
	depth int
}

// message draws a message of a type: with no field, some fields or all of them.
func (d *drawer) message(md protoreflect.MessageDescriptor) protoreflect.Message {
	m := dynamicpb.NewMessage(md)
	d.depth++
	defer func() { d.depth-- }()
	if d.wellKnown(m) {
		return m
	}
	mostly := rapid.IntRange(0, 4).Draw(d.t, "fullness")
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		set := rapid.IntRange(0, 4*d.depth).Draw(d.t, "set") < mostly
		if fd.Cardinality() == protoreflect.Required || set && d.depth < 4 {
			d.set(m, fd)
		}
	}
	protoregistry.GlobalTypes.RangeExtensionsByMessage(md.FullName(), func(xt protoreflect.ExtensionType) bool {
		if fd := xt.TypeDescriptor(); d.depth == 1 && fd.Message() == nil && !fd.IsList() {
			m.Set(fd, d.value(fd))
		}
		return true
	})
	return m
}

func (d *drawer) set(m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	switch {
	case fd.IsMap():
		entries := m.Mutable(fd).Map()
		for range rapid.IntRange(0, 2).Draw(d.t, "entries") {
			entries.Set(d.value(fd.MapKey()).MapKey(), d.value(fd.MapValue()))
		}
	case fd.IsList():
		elements := m.Mutable(fd).List()
		for range rapid.IntRange(0, 2).Draw(d.t, "elements") {
			elements.Append(d.value(fd))
		}
	default:
		m.Set(fd, d.value(fd))
	}
}

func (d *drawer) value(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return protoreflect.ValueOfMessage(d.message(fd.Message()))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		numbers := []int32{int32(values.Get(0).Number()), int32(values.Get(values.Len() - 1).Number()), 7, -1, 1 << 30}
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.SampledFrom(numbers).Draw(d.t, "enum")))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(d.t, "bool"))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(d.t, "int32"))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(d.t, "uint32"))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(d.t, "int64"))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(d.t, "uint64"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(rapid.SampledFrom([]float32{0, 1.5, -1e30, 1e-30, nan32, inf32, -inf32}).Draw(d.t, "float"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.SampledFrom([]float64{0, 1.5, -1e300, 1e-300, nan64, inf64, -inf64}).Draw(d.t, "double"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(d.t, "bytes"))
	}
	return protoreflect.ValueOfString(rapid.SampledFrom([]string{"", "a", "true", "7", "\"", "\u2028", "a longer text"}).Draw(d.t, "string"))
}

// wellKnown draws the content of the well-known types for which a random one would have no JSON.
func (d *drawer) wellKnown(m *dynamicpb.Message) bool {
	md := m.Descriptor()
	set := func(name protoreflect.Name, v any) { m.Set(md.Fields().ByName(name), protoreflect.ValueOf(v)) }
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		set("seconds", rapid.Int64Range(-62135596800, 253402300799).Draw(d.t, "seconds"))
		set("nanos", rapid.SampledFrom([]int32{0, 1, 1000, 500_000_000}).Draw(d.t, "nanos"))
	case "google.protobuf.Duration":
		sign := rapid.SampledFrom([]int64{-1, 1}).Draw(d.t, "sign")
		set("seconds", sign*rapid.Int64Range(0, 315576000000-1).Draw(d.t, "seconds"))
		set("nanos", int32(sign)*rapid.SampledFrom([]int32{0, 1, 1000, 500_000_000}).Draw(d.t, "nanos"))
	case "google.protobuf.FieldMask":
		for _, path := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a_b", "a.b_c"}), 0, 3).Draw(d.t, "paths") {
			m.Mutable(md.Fields().ByName("paths")).List().Append(protoreflect.ValueOfString(path))
		}
	case "google.protobuf.Value":
		kinds := []protoreflect.Name{"null_value", "bool_value", "string_value", "number_value", "struct_value", "list_value"}
		if d.depth > 4 {
			kinds = kinds[:4]
		}
		fd := md.Fields().ByName(rapid.SampledFrom(kinds).Draw(d.t, "kind"))
		if fd.Kind() == protoreflect.DoubleKind {
			set(fd.Name(), 1.25)
			return true
		}
		m.Set(fd, d.value(fd))
	case "google.protobuf.Any":
		inside := rapid.SampledFrom([]protoreflect.FullName{
			"", "google.protobuf.Timestamp", "google.protobuf.Empty", "test.transcode.v1.Small", "no.Such",
		}).Draw(d.t, "type")
		if found, err := protoregistry.GlobalFiles.FindDescriptorByName(inside); err == nil {
			wire, err := proto.Marshal(d.message(found.(protoreflect.MessageDescriptor)).Interface())
			if err != nil {
				d.t.Fatal(err)
			}
			set("value", wire)
		}
		if inside != "" {
			set("type_url", "type.googleapis.com/"+string(inside))
		}
	default:
		return false
	}
	return true
}
