package bind

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// maker makes one value: of a field, or of an element of a list or a map.
type maker interface {
	// make returns a value. ok is false for a cursor that the request does not have, which leaves the value out.
	make(r *binding) (v protoreflect.Value, ok bool, err error)
}

// slot is a field of a message with the values that a setting gives it: one value, the elements of a list, or the entries of a map.
type slot struct {
	fd     protoreflect.FieldDescriptor
	values []maker
	keys   []protoreflect.MapKey // for a map, the keys of values
}

// put fills the field. It makes the message only where there is a value.
func (s slot) put(r *binding, message func() protoreflect.Message) error {
	for i, value := range s.values {
		v, ok, err := value.make(r)
		switch {
		case err != nil:
			return err
		case !ok:
		case s.fd.IsMap():
			message().Mutable(s.fd).Map().Set(s.keys[i], v)
		case s.fd.IsList():
			message().Mutable(s.fd).List().Append(v)
		default:
			message().Set(s.fd, v)
		}
	}
	return nil
}

// textMaker makes a value whose text is literal or has references.
type textMaker struct {
	field field
	value Value
}

func (t textMaker) make(r *binding) (protoreflect.Value, bool, error) {
	text, ok, err := r.expand(t.value)
	if err != nil || !ok {
		return protoreflect.Value{}, false, err
	}
	v, ok := t.parse(text, r.types)
	if !ok {
		return protoreflect.Value{}, false, t.mismatch(text)
	}
	return v, true, nil
}

func (t textMaker) parse(text string, types Resolver) (protoreflect.Value, bool) {
	if ref, ok := t.value.alone(); ok {
		return parseReference(t.field, ref, text, types)
	}
	return t.field.parse(text, types)
}

// mismatch returns the error for values of references that do not fit the field.
func (t textMaker) mismatch(text string) error {
	if t.value.refersTo(cursorReference) {
		return &CursorError{Field: t.field.name, Expected: expected(t.field.leaf()), Value: shown(text)}
	}
	return mismatch(FromReference, t.value.references(), expected(t.field.leaf()), text)
}

// messageMaker makes a message with the fields of a mapping, and an empty message of an empty mapping.
type messageMaker struct {
	md      protoreflect.MessageDescriptor
	members []slot
}

func (m messageMaker) make(r *binding) (protoreflect.Value, bool, error) {
	message := dynamicpb.NewMessage(m.md)
	for _, member := range m.members {
		if err := member.put(r, func() protoreflect.Message { return message }); err != nil {
			return protoreflect.Value{}, false, err
		}
	}
	return protoreflect.ValueOfMessage(message), true, nil
}
