// Package anymessage draws random messages, for tests of what becomes of any message.
package anymessage

import (
	"math"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// Message draws a message of a type that has JSON: with no field, some fields or all of them. Types inside a google.protobuf.Any,
// and extensions, are those that the program has.
func Message(t *rapid.T, md protoreflect.MessageDescriptor) protoreflect.Message {
	return (&drawer{t: t}).message(md)
}

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
		return protoreflect.ValueOfFloat32(rapid.SampledFrom([]float32{0, 1.5, -1e30, 1e-30, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}).Draw(d.t, "float"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.SampledFrom([]float64{0, 1.5, -1e300, 1e-300, math.NaN(), math.Inf(1), math.Inf(-1)}).Draw(d.t, "double"))
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
