package describe_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	"github.com/grpcsse/grpcsse/internal/anymessage"
)

// allOptions returns every combination of options.
func allOptions() (all []describe.Options) {
	for bits := range 16 {
		all = append(all, describe.Options{
			ProtoNames: bits&1 != 0, EnumNumbers: bits&2 != 0, EmitDefaults: bits&4 != 0, EmitUnpopulated: bits&8 != 0,
		})
	}
	return all
}

// described is a message type, its shape under some options, and what writes its JSON under the same options.
type described struct {
	md         protoreflect.MessageDescriptor
	options    describe.Options
	shape      *describe.Shape
	transcoder *transcode.Transcoder
}

func describeAll(t *testing.T) (all []described) {
	t.Helper()
	for _, o := range allOptions() {
		shapes := describe.New(o)
		for _, md := range testTypes(t) {
			tc, err := transcode.New(md, transcode.Options{
				ProtoNames: o.ProtoNames, EnumNumbers: o.EnumNumbers, EmitDefaults: o.EmitDefaults, EmitUnpopulated: o.EmitUnpopulated,
			})
			require.NoError(t, err)
			all = append(all, described{md, o, shapes.Message(md), tc})
		}
	}
	return all
}

// json returns the JSON of a message.
func (d described) json(t require.TestingT, m protoreflect.Message) any {
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	require.NoError(t, err)
	text, err := d.transcoder.AppendJSON(nil, wire)
	require.NoError(t, err)
	v, err := decoded(text)
	require.NoError(t, err)
	return v
}

// TestWhatIsWrittenFits transcodes random messages, and holds their JSON against the description. Then it makes one value of the
// JSON wrong, and the JSON must not fit any more.
func TestWhatIsWrittenFits(t *testing.T) {
	all := describeAll(t)
	rapid.Check(t, func(rt *rapid.T) {
		d := rapid.SampledFrom(all).Draw(rt, "type")
		message := anymessage.Message(rt, d.md)
		value := d.json(rt, message)
		if bad := misfit(d.shape, value); bad != "" {
			rt.Fatalf("%s under %+v%s", d.md.FullName(), d.options, bad)
		}
		mistakes := mistakesIn(d.shape, value)
		if len(mistakes) == 0 {
			return
		}
		wrong := rapid.SampledFrom(mistakes).Draw(rt, "mistake")
		if bad := misfit(d.shape, wrong.value); bad == "" {
			rt.Fatalf("%s under %+v: %s is not noticed", d.md.FullName(), d.options, wrong.what)
		}
	})
}

// TestRequiredMembersAreThoseOfAnEmptyMessage holds the presence of members against two messages: one with no field but those
// that proto2 requires, and one with every field.
func TestRequiredMembersAreThoseOfAnEmptyMessage(t *testing.T) {
	for _, d := range describeAll(t) {
		if d.shape.Kind != describe.Message {
			continue
		}
		name := fmt.Sprintf("%s under %+v", d.md.FullName(), d.options)
		empty, full := dynamicpb.NewMessage(d.md), dynamicpb.NewMessage(d.md)
		oneofs := map[string]bool{}
		for i := range d.md.Fields().Len() {
			fd := d.md.Fields().Get(i)
			if fd.Cardinality() == protoreflect.Required {
				empty.Set(fd, leastOf(fd))
			}
			if od := fd.ContainingOneof(); od != nil && oneofs[string(od.Name())] {
				continue
			} else if od != nil {
				oneofs[string(od.Name())] = true
			}
			fill(full, fd)
		}
		var required, possible, nullable []string
		met := map[*describe.Oneof]bool{}
		for _, f := range d.shape.Object.Fields {
			if f.Required {
				required = append(required, f.Name)
			}
			if f.Oneof == nil || !met[f.Oneof] {
				possible = append(possible, f.Name)
				met[f.Oneof] = true
			}
			if f.Nullable {
				nullable = append(nullable, f.Name)
			}
		}
		least := d.json(t, empty).([]member)
		assert.ElementsMatch(t, required, names(least), name)
		assert.ElementsMatch(t, possible, names(d.json(t, full).([]member)), name)
		null := slices.DeleteFunc(least, func(m member) bool { return m.value != nil || slices.Contains(nulls(d.shape.Object), m.name) })
		assert.ElementsMatch(t, nullable, names(null), name)
	}
}

// nulls returns the fields whose only value is null.
func nulls(o *describe.Object) (names []string) {
	for _, f := range o.Fields {
		if f.Shape.Kind == describe.Null && !f.Nullable {
			names = append(names, f.Name)
		}
	}
	return names
}

func names(object []member) []string {
	out := []string{}
	for _, m := range object {
		out = append(out, m.name)
	}
	return out
}

// leastOf returns a value of a required field.
func leastOf(fd protoreflect.FieldDescriptor) protoreflect.Value {
	if fd.Message() != nil {
		return protoreflect.ValueOfMessage(leastMessage(fd.Message()))
	}
	return fd.Default()
}

// leastMessage returns a message that has JSON, with as few fields as possible.
func leastMessage(md protoreflect.MessageDescriptor) *dynamicpb.Message {
	m := dynamicpb.NewMessage(md)
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); fd.Cardinality() == protoreflect.Required || md.FullName() == "google.protobuf.Value" && i == 0 {
			m.Set(fd, leastOf(fd))
		}
	}
	return m
}

// fill sets a field, a list to one element, and a map to one entry.
func fill(m *dynamicpb.Message, fd protoreflect.FieldDescriptor) {
	element := func(fd protoreflect.FieldDescriptor) protoreflect.Value {
		if fd.Message() != nil {
			return protoreflect.ValueOfMessage(leastMessage(fd.Message()))
		}
		switch fd.Kind() {
		case protoreflect.EnumKind:
			return protoreflect.ValueOfEnum(1)
		case protoreflect.BoolKind:
			return protoreflect.ValueOfBool(true)
		case protoreflect.StringKind:
			return protoreflect.ValueOfString("x")
		case protoreflect.BytesKind:
			return protoreflect.ValueOfBytes([]byte("x"))
		case protoreflect.FloatKind:
			return protoreflect.ValueOfFloat32(1)
		case protoreflect.DoubleKind:
			return protoreflect.ValueOfFloat64(1)
		case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
			return protoreflect.ValueOfInt32(1)
		case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
			return protoreflect.ValueOfInt64(1)
		case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
			return protoreflect.ValueOfUint32(1)
		}
		return protoreflect.ValueOfUint64(1)
	}
	switch {
	case fd.IsMap():
		m.Mutable(fd).Map().Set(element(fd.MapKey()).MapKey(), element(fd.MapValue()))
	case fd.IsList():
		m.Mutable(fd).List().Append(element(fd))
	default:
		m.Set(fd, element(fd))
	}
}
