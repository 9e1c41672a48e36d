package bind

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// maxDepth bounds how deep a name may reach into nested messages: a type may contain itself.
const maxDepth = 32

// field is a field of the request message, or of a message inside it.
type field struct {
	path []protoreflect.FieldDescriptor
	name string // the path in the names of the .proto file
}

// fieldError is the reason why a name leads to no field that text can give.
type fieldError struct {
	// unknown is true for a name that leads to no field. Otherwise it leads to a field that no text can give.
	unknown bool
	// parent is the message that lacks the field, where unknown is true; it may be nil.
	parent protoreflect.MessageDescriptor
	reason string
}

func (e *fieldError) Error() string { return e.reason }

// resolve returns the field that name leads to, if text can give it. With an error it returns the field that the beginning of the
// name leads to.
func resolve(md protoreflect.MessageDescriptor, name string) (field, *fieldError) {
	f, err := find(md, name)
	if err == nil {
		err = f.refuseLeaf()
	}
	return f, err
}

// resolveParameter is resolve for a query parameter, whose name may have the brackets of a list behind it.
func resolveParameter(md protoreflect.MessageDescriptor, name string) (field, *fieldError) {
	f, _, err := follow(md, name)
	if err == nil {
		err = f.refuseLeaf()
	}
	return f, err
}

// find is resolve for a field of any type.
func find(md protoreflect.MessageDescriptor, name string) (field, *fieldError) {
	f, element, err := follow(md, name)
	if element {
		err = f.refuseBrackets()
	}
	return f, err
}

// follow is find, and also reports whether name ends in the brackets of a list: "tags[]".
func follow(md protoreflect.MessageDescriptor, name string) (f field, element bool, err *fieldError) {
	bracketed := false
	for {
		if len(f.path) == maxDepth {
			return f, false, &fieldError{reason: fmt.Sprintf("expected at most %d names with dots between them", maxDepth)}
		}
		fd, rest := cutName(md, name)
		if fd == nil {
			part, _, _ := strings.Cut(name, ".")
			return f, false, &fieldError{unknown: true, parent: md, reason: fmt.Sprintf("%s has no field %q", md.FullName(), shown(part))}
		}
		f = f.child(fd)
		switch {
		case rest == "" && bracketed:
			return f, false, &fieldError{reason: fmt.Sprintf("expected dots between the names of fields, as in %s, found brackets", f.name)}
		case rest == "":
			return f, false, nil
		case fd.IsMap():
			return f, false, refuseMap(f)
		case rest == "[]" && fd.IsList() && !bracketed:
			return f, true, nil
		case rest[0] == '[' && (fd.IsList() || fd.Message() == nil || rest == "[]"):
			return f, false, f.refuseBrackets()
		case fd.Message() == nil:
			return f, false, &fieldError{unknown: true, reason: fmt.Sprintf("%s is no message and has no fields", f.name)}
		case fd.IsList():
			return f, false, &fieldError{reason: fmt.Sprintf("%s is a list of messages, whose fields can't be given one by one", f.name)}
		case isOpaque(fd.Message()):
			return f, false, refuseOpaque(f)
		case wellKnown(fd.Message()) != nil:
			return f, false, &fieldError{reason: fmt.Sprintf("%s is given whole, as %s", f.name, expected(fd))}
		}
		md, name = fd.Message(), rest[1:]
		if rest[0] == '[' {
			name, bracketed = unbracket(rest), true
		}
	}
}

func refuseMap(f field) *fieldError {
	return &fieldError{reason: fmt.Sprintf("%s is a map, and a map can't be given here", f.name)}
}

func refuseOpaque(f field) *fieldError {
	return &fieldError{reason: fmt.Sprintf("%s is a %s, which can't be given here", f.name, f.leaf().Message().FullName())}
}

// refuseLeaf returns why no text can be the value of f, or nil.
func (f field) refuseLeaf() *fieldError {
	md := f.leaf().Message()
	switch {
	case f.leaf().IsMap():
		return refuseMap(f)
	case md == nil || wellKnown(md) != nil:
		return nil
	case isOpaque(md):
		return refuseOpaque(f)
	case f.leaf().IsList():
		return &fieldError{reason: fmt.Sprintf("%s is a list of messages (%s), which can't be given here", f.name, md.FullName())}
	case md.Fields().Len() == 0:
		return &fieldError{reason: fmt.Sprintf("%s is a message without fields (%s), which can't be given here", f.name, md.FullName())}
	}
	return &fieldError{reason: fmt.Sprintf("%s is a message (%s): expected one of its fields, such as %s.%s",
		f.name, md.FullName(), f.name, md.Fields().Get(0).Name())}
}

// child returns the field fd inside f.
func (f field) child(fd protoreflect.FieldDescriptor) field {
	name := string(fd.Name())
	if f.name != "" {
		name = f.name + "." + name
	}
	return field{path: append(f.path[:len(f.path):len(f.path)], fd), name: name}
}

func (f field) leaf() protoreflect.FieldDescriptor { return f.path[len(f.path)-1] }

// isIn reports whether f is other, or a field inside it.
func (f field) isIn(other field) bool {
	if len(f.path) < len(other.path) {
		return false
	}
	for i, fd := range other.path {
		if f.path[i].Number() != fd.Number() {
			return false
		}
	}
	return true
}

// rival returns the oneof that f and other stand in with different members, or that fields around them do.
func (f field) rival(other field) (oneof protoreflect.OneofDescriptor, ok bool) {
	for i := range min(len(f.path), len(other.path)) {
		a, b := f.path[i], other.path[i]
		if a.Number() == b.Number() {
			continue
		}
		oneof = a.ContainingOneof()
		return oneof, oneof != nil && b.ContainingOneof() != nil && oneof.Index() == b.ContainingOneof().Index()
	}
	return nil, false
}

// put sets f in root, or appends to it where it is a list.
func (f field) put(root protoreflect.Message, v protoreflect.Value) {
	last := len(f.path) - 1
	for _, fd := range f.path[:last] {
		root = root.Mutable(fd).Message()
	}
	if fd := f.path[last]; fd.IsList() {
		root.Mutable(fd).List().Append(v)
	} else {
		root.Set(fd, v)
	}
}

// parse returns the value of f for text, or that of one element where f is a list. It reports whether text fits.
func (f field) parse(text string, types Resolver) (protoreflect.Value, bool) {
	md := f.leaf().Message()
	if md == nil {
		return parseScalar(f.leaf(), text)
	}
	m := dynamicpb.NewMessage(md)
	ok := wellKnown(md).parse(m, text, types)
	return protoreflect.ValueOfMessage(m), ok
}

// parseRaw is parse for the text of an event id. Where f holds bytes, they are the bytes of the text.
func (f field) parseRaw(text string, types Resolver) (protoreflect.Value, bool) {
	switch fd := f.leaf(); {
	case fd.Kind() == protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(text)), true
	case fd.Message() != nil && fd.Message().FullName() == "google.protobuf.BytesValue":
		m := dynamicpb.NewMessage(fd.Message())
		m.Set(wrapped(fd.Message()), protoreflect.ValueOfBytes([]byte(text)))
		return protoreflect.ValueOfMessage(m), true
	}
	return f.parse(text, types)
}
