package transcode_test

import (
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"pgregory.net/rapid"

	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// testMessages returns the types of random messages. Together they have every feature of protobuf.
func testMessages() []proto.Message {
	return []proto.Message{
		&transcodev1.Small{}, &transcodev1.Proto3{}, &transcodev1.Known{}, &transcodev1.Proto2{}, &transcodev1.Edition{},
		&transcodev1.Quote{}, &transcodev1.Book{}, &transcodev1.Log{}, &transcodev1.Document{},
	}
}

// wireDrawer draws the wire bytes of random messages.
type wireDrawer struct {
	t *rapid.T
	// odd messages repeat fields, split lists and maps, set oneofs twice, and hold values that are not UTF-8 or out of range.
	odd bool
	// noDuplicates draws maps of one entry, so that no key comes twice.
	noDuplicates bool

	depth int
}

func (d *wireDrawer) rarely() bool { return d.odd && rapid.IntRange(0, 19).Draw(d.t, "rarely") == 0 }

// message draws a message of a type.
func (d *wireDrawer) message(md protoreflect.MessageDescriptor) []byte {
	if d.depth > 4 {
		return nil
	}
	d.depth++
	defer func() { d.depth-- }()
	if content, ok := d.wellKnown(md); ok {
		return content
	}
	fields := d.candidates(md)
	var parts [][]byte
	used := map[any]bool{}
	required := md.RequiredNumbers()
	for i := range required.Len() {
		if fd := md.Fields().ByNumber(required.Get(i)); !d.rarely() {
			parts = append(parts, d.field(fd))
			used[fd.Number()] = true
		}
	}
	for range rapid.IntRange(0, 5).Draw(d.t, "fields") {
		if len(fields) == 0 {
			break
		}
		fd := fields[rapid.IntRange(0, len(fields)-1).Draw(d.t, "field")]
		var key any = fd.Number()
		if od := fd.ContainingOneof(); od != nil {
			key = od.FullName()
		}
		if used[key] && !d.odd {
			continue
		}
		used[key] = true
		parts = append(parts, d.field(fd))
	}
	if rapid.IntRange(0, 9).Draw(d.t, "unknown") == 0 {
		parts = append(parts, []byte{0x98, 0x75, 0x2a}, []byte{0x9b, 0x75, 0x08, 0x01, 0x9c, 0x75})
	}
	var wire []byte
	for _, part := range rapid.Permutation(parts).Draw(d.t, "order") {
		wire = append(wire, part...)
	}
	return wire
}

// candidates lists the fields and the registered extensions of a message.
func (d *wireDrawer) candidates(md protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var fields []protoreflect.FieldDescriptor
	for i := range md.Fields().Len() {
		fields = append(fields, md.Fields().Get(i))
	}
	protoregistry.GlobalTypes.RangeExtensionsByMessage(md.FullName(), func(xt protoreflect.ExtensionType) bool {
		fields = append(fields, xt.TypeDescriptor())
		return true
	})
	return fields
}

// field draws all values of one field that belong together.
func (d *wireDrawer) field(fd protoreflect.FieldDescriptor) (wire []byte) {
	switch {
	case fd.IsMap():
		most := 4
		if d.noDuplicates {
			most = 1
		}
		for range rapid.IntRange(1, most).Draw(d.t, "entries") {
			wire = append(wire, d.entry(fd)...)
		}
	case fd.IsList():
		n := rapid.IntRange(0, 4).Draw(d.t, "elements")
		if packable(fd) && rapid.Bool().Draw(d.t, "packed") {
			var block []byte
			for range n {
				block = append(block, d.value(fd)...)
			}
			wire = protowire.AppendTag(wire, fd.Number(), protowire.BytesType)
			return protowire.AppendBytes(wire, block)
		}
		for range n {
			wire = append(wire, d.tagged(fd)...)
		}
	default:
		wire = d.tagged(fd)
	}
	if d.rarely() { // a wire type that is not the field's
		wire = protowire.AppendTag(wire, fd.Number(), protowire.Fixed32Type)
		wire = protowire.AppendFixed32(wire, 7)
	}
	return wire
}

func packable(fd protoreflect.FieldDescriptor) bool {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}

// entry draws one entry of a map: mostly a key and a value, in that order.
func (d *wireDrawer) entry(fd protoreflect.FieldDescriptor) []byte {
	key, value := d.tagged(fd.MapKey()), d.tagged(fd.MapValue())
	var content []byte
	switch rapid.IntRange(0, 9).Draw(d.t, "entry form") {
	case 0:
		content = value
	case 1:
		content = key
	case 2:
		content = append(value, key...)
	case 3:
		content = append(append(key, 0x98, 0x75, 0x2a), value...)
	case 4:
		content = append(key, value...)
		if d.odd {
			content = append(append(content, d.tagged(fd.MapKey())...), d.tagged(fd.MapValue())...)
		}
	default:
		content = append(key, value...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), content)
}

// tagged draws a single value with its tag.
func (d *wireDrawer) tagged(fd protoreflect.FieldDescriptor) []byte {
	switch fd.Kind() {
	case protoreflect.GroupKind:
		wire := protowire.AppendTag(nil, fd.Number(), protowire.StartGroupType)
		wire = append(wire, d.message(fd.Message())...)
		return protowire.AppendTag(wire, fd.Number(), protowire.EndGroupType)
	case protoreflect.MessageKind:
		return protowire.AppendBytes(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), d.message(fd.Message()))
	}
	var types = map[protoreflect.Kind]protowire.Type{
		protoreflect.Fixed32Kind: protowire.Fixed32Type, protoreflect.Sfixed32Kind: protowire.Fixed32Type,
		protoreflect.FloatKind: protowire.Fixed32Type, protoreflect.Fixed64Kind: protowire.Fixed64Type,
		protoreflect.Sfixed64Kind: protowire.Fixed64Type, protoreflect.DoubleKind: protowire.Fixed64Type,
		protoreflect.StringKind: protowire.BytesType, protoreflect.BytesKind: protowire.BytesType,
	}
	return append(protowire.AppendTag(nil, fd.Number(), types[fd.Kind()]), d.value(fd)...)
}

// value draws a scalar without its tag.
func (d *wireDrawer) value(fd protoreflect.FieldDescriptor) []byte {
	switch fd.Kind() {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.AppendFixed32(nil, uint32(d.integer()))
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.AppendFixed64(nil, d.integer())
	case protoreflect.FloatKind:
		if rapid.Bool().Draw(d.t, "bits") {
			return protowire.AppendFixed32(nil, rapid.Uint32().Draw(d.t, "float"))
		}
		return protowire.AppendFixed32(nil, math.Float32bits(float32(d.double())))
	case protoreflect.DoubleKind:
		return protowire.AppendFixed64(nil, math.Float64bits(d.double()))
	case protoreflect.StringKind:
		return protowire.AppendString(nil, d.text())
	case protoreflect.BytesKind:
		return protowire.AppendBytes(nil, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(d.t, "bytes"))
	case protoreflect.EnumKind:
		return protowire.AppendVarint(nil, rapid.SampledFrom([]uint64{0, 1, 2, 3, 5, 300, math.MaxUint64, math.MaxInt32, 1 << 32, 1<<32 + 1}).Draw(d.t, "enum"))
	}
	return protowire.AppendVarint(nil, d.integer())
}

func (d *wireDrawer) integer() uint64 {
	if rapid.Bool().Draw(d.t, "edge") {
		return rapid.SampledFrom([]uint64{
			0, 1, 9, 10, 99, 127, 128, 99999999, 100000000, 9999999999999999, 10000000000000000, math.MaxInt32, math.MaxInt32 + 1,
			math.MaxUint32, 1 << 32, math.MaxInt64, 1 << 63, math.MaxUint64, math.MaxUint64 - 1,
		}).Draw(d.t, "edge integer")
	}
	return rapid.Uint64().Draw(d.t, "integer") >> rapid.IntRange(0, 63).Draw(d.t, "shift")
}

func (d *wireDrawer) double() float64 {
	switch rapid.IntRange(0, 4).Draw(d.t, "double form") {
	case 0:
		return float64(rapid.Int64Range(-1e9, 1e9).Draw(d.t, "decimal")) / math.Pow10(rapid.IntRange(0, 8).Draw(d.t, "decimals"))
	case 1:
		return rapid.Float64().Draw(d.t, "double")
	case 2:
		special := []float64{0, math.Copysign(0, -1), 1e21, 1e-6, 9.999e-7, 1e20, 5e-324, math.MaxFloat64, 1 << 53, 123456789012345680}
		if d.odd {
			special = append(special, math.NaN(), math.Inf(1), math.Inf(-1))
		}
		return rapid.SampledFrom(special).Draw(d.t, "special double")
	case 3:
		return math.Float64frombits(rapid.Uint64Range(0, 0x7fe<<52).Draw(d.t, "double bits"))
	default:
		return float64(rapid.IntRange(-1000, 1000).Draw(d.t, "small"))
	}
}

func (d *wireDrawer) text() string {
	if d.rarely() {
		return rapid.SampledFrom([]string{"\xff", "abc\xc3", "12345678\xed\xa0\x80", "ok then \xf4\x90\x80\x80 no"}).Draw(d.t, "invalid")
	}
	switch rapid.IntRange(0, 3).Draw(d.t, "text form") {
	case 0:
		return rapid.StringN(0, 40, 60).Draw(d.t, "text")
	case 1:
		pieces := []string{"a", "plain text of some length ", "\"", "\\", "\n", "\x00", "\x1f", "\x7f", "é", "日本語", "\U0001f600", "\ufffd", "\u2028", "/<>&"}
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(d.t, "pieces"), "")
	default:
		return rapid.SampledFrom([]string{"", "a", "b", "key", "a longer key than eight bytes"}).Draw(d.t, "word")
	}
}
