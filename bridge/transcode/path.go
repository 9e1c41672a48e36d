package transcode

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/internal/fieldname"
)

// PathKind says what a [Path] leads to.
type PathKind int

// These are the things that a path can lead to.
const (
	PathScalar  PathKind = iota + 1 // a field that holds one number, bool, enum, string or bytes value
	PathMessage                     // a field that holds one message
	PathOneof                       // a oneof; the text of the path is the name of the member that is set
)

// String returns the kind's name in lower case.
func (k PathKind) String() string {
	switch k {
	case PathScalar:
		return "scalar"
	case PathMessage:
		return "message"
	case PathOneof:
		return "oneof"
	}
	return fmt.Sprintf("PathKind(%d)", int(k))
}

// A Path leads to one field, or one oneof, of a message type. It reads the value from wire bytes by the rules of a parser: the
// last value of a scalar counts, the parts of a sub-message are merged, and the last member of a oneof unsets the others. A
// Path may be used concurrently.
type Path struct {
	path  string
	root  protoreflect.FullName
	kind  PathKind
	steps []step
	field protoreflect.FieldDescriptor // nil where the path leads to a oneof
	// text makes the text of a message that has one, or is nil.
	text *messageText
}

// step leads from a message to one of its fields.
type step struct {
	target wireField
	rivals []wireField // the other members of the target's oneof
	// members is set in place of target where the path leads to a oneof.
	members []wireField
}

// wireField says how a singular field looks on the wire.
type wireField struct {
	number protowire.Number
	typ    protowire.Type
	name   string
}

// A PathError says which part of a field path is wrong.
type PathError struct {
	Path    string                // the whole path
	Element string                // the wrong part of the path
	Message protoreflect.FullName // the message in which Element was looked for
	Reason  string                // what is wrong with it
	Have    []string              // when there is no such field: the names that exist
}

func (e *PathError) Error() string {
	return fmt.Sprintf("field path %q: %q in %s %s", e.Path, e.Element, e.Message, e.Reason)
}

// CompilePath compiles a path of field names separated by dots: "sequence", "quote.symbol". A name is the field's JSON name or
// its name in the .proto file. The JSON name comes first. A name with a dot in it cannot be part of a path. All names but the
// last must be fields that hold one message. The last may also be a scalar or the name of a oneof. Repeated fields and maps
// cannot be part of a path. An error is a [*PathError].
func CompilePath(md protoreflect.MessageDescriptor, path string) (*Path, error) {
	p := &Path{path: path, root: md.FullName()}
	elements := strings.Split(path, ".")
	for i, element := range elements {
		last := i == len(elements)-1
		fail := func(reason string, have []string) (*Path, error) {
			return nil, &PathError{Path: path, Element: element, Message: md.FullName(), Reason: reason, Have: have}
		}
		name := protoreflect.Name(element)
		fd := fieldname.LookUp(md, element)
		if od := md.Oneofs().ByName(name); fd == nil && od != nil && !od.IsSynthetic() {
			if !last {
				return fail("is a oneof, which has no fields of its own: name the member", nil)
			}
			p.kind = PathOneof
			p.steps = append(p.steps, step{members: wireFields(od, nil)})
			return p, nil
		}
		switch {
		case fd == nil:
			return fail("does not exist", names(md))
		case fd.IsMap():
			return fail("is a map; a path needs a single value", nil)
		case fd.IsList():
			return fail("is a repeated field; a path needs a single value", nil)
		case !last && fd.Message() == nil:
			return fail("is a scalar, which has no fields", nil)
		}
		p.steps = append(p.steps, step{target: newWireField(fd), rivals: wireFields(fd.ContainingOneof(), fd)})
		p.field = fd
		md = fd.Message()
	}
	p.kind = PathScalar
	if md != nil {
		p.kind = PathMessage
		p.text = newMessageText(md)
	}
	return p, nil
}

// String returns the path as it was compiled.
func (p *Path) String() string { return p.path }

// Kind returns what the path leads to.
func (p *Path) Kind() PathKind { return p.kind }

// HasText reports whether AppendText can return a text. It can for a scalar, for a oneof, and for the messages that have a
// text: google.protobuf.Timestamp, Duration and the wrappers of scalars.
func (p *Path) HasText() bool { return p.kind != PathMessage || p.text != nil }

// Descriptor returns the field that the path leads to, or nil for a oneof.
func (p *Path) Descriptor() protoreflect.FieldDescriptor { return p.field }

// Members returns the names that AppendText can return for a oneof, or nil for a field.
func (p *Path) Members() []string {
	var list []string
	for _, member := range p.steps[len(p.steps)-1].members {
		list = append(list, member.name)
	}
	return list
}

// wireFields returns the members of a oneof, without the given one. od may be nil.
func wireFields(od protoreflect.OneofDescriptor, but protoreflect.FieldDescriptor) []wireField {
	if od == nil {
		return nil
	}
	var list []wireField
	for i := range od.Fields().Len() {
		if fd := od.Fields().Get(i); fd != but {
			list = append(list, newWireField(fd))
		}
	}
	return list
}

func newWireField(fd protoreflect.FieldDescriptor) wireField {
	return wireField{number: fd.Number(), typ: wireType(fd.Kind()), name: string(fd.Name())}
}

// wireType returns the wire type of a single value.
func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

// names returns the names that a part of a path can have in a message.
func names(md protoreflect.MessageDescriptor) []string {
	var list []string
	for i := range md.Fields().Len() {
		list = append(list, string(md.Fields().Get(i).Name()))
	}
	for i := range md.Oneofs().Len() {
		if od := md.Oneofs().Get(i); !od.IsSynthetic() {
			list = append(list, string(od.Name()))
		}
	}
	return list
}
