package describe

import "google.golang.org/protobuf/reflect/protoreflect"

// Options say which JSON is described. They have the names and the meanings that they have in transcode.Options.
type Options struct {
	// ProtoNames describes the field names of the .proto file instead of the JSON names.
	ProtoNames bool
	// EnumNumbers describes enum values as numbers.
	EnumNumbers bool
	// EmitDefaults makes the fields without presence required, and lists and maps too.
	EmitDefaults bool
	// EmitUnpopulated does what EmitDefaults does, and makes fields with presence required and nullable, but for members of a
	// oneof, which includes the optional fields of proto3.
	EmitUnpopulated bool
}

// Shapes describes message types under the same options. Its methods must not be called concurrently. What they return does not
// change, and may be read concurrently.
type Shapes struct {
	options Options
	objects []*Object
	enums   []*EnumType

	byMessage map[protoreflect.FullName]*Shape
	byEnum    map[protoreflect.FullName]*EnumType
}

// New returns a Shapes that has described nothing.
func New(options Options) *Shapes {
	return &Shapes{
		options: options, byMessage: map[protoreflect.FullName]*Shape{}, byEnum: map[protoreflect.FullName]*EnumType{},
	}
}

// Message returns the shape of a message type. Message types with the same full name count as the same type.
func (s *Shapes) Message(md protoreflect.MessageDescriptor) *Shape {
	if known := wellKnown(md.FullName()); known != nil {
		return known
	}
	if shape, ok := s.byMessage[md.FullName()]; ok {
		return shape
	}
	o := &Object{
		Name: md.FullName(), Doc: Doc(md), Deprecated: Deprecated(md), Extensible: md.ExtensionRanges().Len() > 0,
		Descriptor: md,
	}
	shape := &Shape{Kind: Message, Object: o}
	s.byMessage[md.FullName()] = shape // a recursive type finds it
	s.objects = append(s.objects, o)
	s.members(o, md)
	return shape
}

// Field returns the shape of the value of a field.
func (s *Shapes) Field(fd protoreflect.FieldDescriptor) *Shape {
	switch {
	case fd.IsMap():
		return &Shape{Kind: Map, Key: scalar(fd.MapKey().Kind()), Elem: s.single(fd.MapValue())}
	case fd.IsList():
		return &Shape{Kind: List, Elem: s.single(fd)}
	}
	return s.single(fd)
}

// Objects returns the objects that were described so far, in the order in which they were first met. The caller must not change
// the slice.
func (s *Shapes) Objects() []*Object { return s.objects }

// Enums returns the enums that were described so far, in the order in which they were first met. The caller must not change the
// slice.
func (s *Shapes) Enums() []*EnumType { return s.enums }

// members describes the fields and the oneofs of a message type.
func (s *Shapes) members(o *Object, md protoreflect.MessageDescriptor) {
	oneofs := map[protoreflect.Name]*Oneof{}
	for i := range md.Oneofs().Len() {
		if od := md.Oneofs().Get(i); !od.IsSynthetic() {
			oneofs[od.Name()] = &Oneof{Name: od.Name(), Doc: Doc(od)}
			o.Oneofs = append(o.Oneofs, oneofs[od.Name()])
		}
	}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		f := &Field{
			Name: s.nameOf(fd), Doc: Doc(fd), Deprecated: Deprecated(fd), Shape: s.Field(fd), Descriptor: fd,
		}
		f.Required, f.Nullable = s.presence(fd)
		if od := fd.ContainingOneof(); od != nil && !od.IsSynthetic() {
			f.Oneof = oneofs[od.Name()]
			f.Oneof.Fields = append(f.Oneof.Fields, f)
		}
		o.Fields = append(o.Fields, f)
	}
}

func (s *Shapes) nameOf(fd protoreflect.FieldDescriptor) string {
	if s.options.ProtoNames {
		return fd.TextName()
	}
	return valid(fd.JSONName())
}

// presence reports whether a field is always written, and whether as null where it is not set.
func (s *Shapes) presence(fd protoreflect.FieldDescriptor) (required, nullable bool) {
	defaults := s.options.EmitDefaults || s.options.EmitUnpopulated
	switch {
	case fd.Cardinality() == protoreflect.Required:
		return true, false // a message without the field is refused
	case fd.ContainingOneof() != nil:
		return false, false
	case fd.HasPresence():
		return s.options.EmitUnpopulated, s.options.EmitUnpopulated
	}
	return defaults, false
}

// single returns the shape of one value of a field.
func (s *Shapes) single(fd protoreflect.FieldDescriptor) *Shape {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return s.Message(fd.Message())
	case protoreflect.EnumKind:
		return s.enum(fd.Enum())
	}
	return &Shape{Kind: scalar(fd.Kind())}
}

// enum returns the shape of the values of an enum.
func (s *Shapes) enum(ed protoreflect.EnumDescriptor) *Shape {
	if ed.FullName() == "google.protobuf.NullValue" {
		return &Shape{Kind: Null}
	}
	kind := Enum
	if s.options.EnumNumbers {
		kind = EnumNumber
	}
	e := s.byEnum[ed.FullName()]
	if e == nil {
		e = newEnum(ed)
		s.byEnum[ed.FullName()] = e
		s.enums = append(s.enums, e)
	}
	return &Shape{Kind: kind, Enum: e}
}

func newEnum(ed protoreflect.EnumDescriptor) *EnumType {
	e := &EnumType{Name: ed.FullName(), Doc: Doc(ed), Deprecated: Deprecated(ed), Descriptor: ed}
	met := map[protoreflect.EnumNumber]bool{}
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		e.Values = append(e.Values, &EnumValue{
			Name: v.Name(), Number: v.Number(), Doc: Doc(v), Deprecated: Deprecated(v), Alias: met[v.Number()],
		})
		met[v.Number()] = true
	}
	return e
}

// Deprecated reports whether a declaration has the option `deprecated`.
func Deprecated(d protoreflect.Descriptor) bool {
	options, ok := d.Options().(interface{ GetDeprecated() bool })
	return ok && options.GetDeprecated()
}
