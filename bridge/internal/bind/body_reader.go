package bind

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// bodyReader reads a body, which is one valid JSON value, in one pass. It walks along the messages itself, so that errors have a place
// and fields that are bound already are found. protojson reads the values of single fields.
type bodyReader struct {
	*binding
	dec *json.Decoder
}

// place is the place of a value in a body: its path in the client's spelling, and the last name of the path.
type place struct {
	path, key string
}

func (p place) member(key string) place {
	if p.path == "" {
		return place{key, key}
	}
	return place{p.path + "." + key, key}
}

func (p place) element(i int) place { return place{fmt.Sprintf("%s[%d]", p.path, i), p.key} }

func (p place) entry(key string) place { return place{fmt.Sprintf("%s[%q]", p.path, key), p.key} }

// root reads the whole body into m.
func (b bodyReader) root(m protoreflect.Message) error {
	null, err := b.open('{', "a JSON object", place{})
	if err != nil {
		return err
	}
	if null {
		return mismatch(FromBody, "", "a JSON object", "null")
	}
	return b.members(m, field{}, b.bound, place{})
}

// open reads the beginning of an object or a list, or null.
func (b bodyReader) open(delim json.Delim, what string, at place) (null bool, err error) {
	token, err := b.dec.Token()
	switch {
	case err != nil:
		return false, unreadable(err)
	case token == nil || token == delim:
		return token == nil, nil
	}
	return false, mismatch(FromBody, at.path, what, tokenText(token))
}

// unreadable is for errors that cannot happen after checkJSON.
func unreadable(err error) error {
	return refused(FromBody, "", "expected JSON: %s", printable(err.Error()))
}

func tokenText(token json.Token) string {
	if delim, ok := token.(json.Delim); ok {
		return delim.String() + "…"
	}
	text, err := json.Marshal(token)
	if err != nil {
		return ""
	}
	return string(text)
}

// members reads the members of an open object into m, which is the value of the field f. The fields in bound stand inside f.
func (b bodyReader) members(m protoreflect.Message, f field, bound []boundField, at place) error {
	given := map[protoreflect.FieldNumber]struct{}{}
	for b.dec.More() {
		token, err := b.dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return unreadable(err)
		}
		here := at.member(key)
		fd := lookUpKey(m.Descriptor(), key, b.types)
		if fd == nil {
			if err := b.unknown(m, key, here); err != nil {
				return err
			}
			continue
		}
		if _, twice := given[fd.Number()]; twice {
			return refused(FromBody, here.path, "expected one value, found several")
		}
		given[fd.Number()] = struct{}{}
		if err := b.value(m, f.child(fd), bound, here); err != nil {
			return err
		}
	}
	_, err := b.dec.Token() // the closing brace
	return err
}

// unknown skips the value of a name that leads to no field, or refuses the name.
func (b bodyReader) unknown(m protoreflect.Message, key string, at place) error {
	if b.rejectUnknown {
		return refused(FromBody, at.path, "%s has no field %q", m.Descriptor().FullName(), shown(key))
	}
	return b.dec.Decode(new(json.RawMessage))
}

// value reads the value of f, a field of m.
func (b bodyReader) value(m protoreflect.Message, f field, bound []boundField, at place) error {
	fd := f.leaf()
	if hasMembers(fd) {
		return b.messages(m, f, bound, at)
	}
	var raw json.RawMessage
	if err := b.dec.Decode(&raw); err != nil {
		return unreadable(err)
	}
	if isNull(raw) && !takesNull(fd) {
		return nil
	}
	if _, err := give(m, f, bound, at); err != nil {
		return err
	}
	return b.leaf(m, fd, raw, at)
}

// hasMembers reports whether the values of fd are messages that are read member by member.
func hasMembers(fd protoreflect.FieldDescriptor) bool {
	md := fd.Message()
	if fd.IsMap() {
		md = fd.MapValue().Message()
	}
	return md != nil && !fd.IsExtension() && !isOpaque(md) && wellKnown(md) == nil
}

// give refuses a value for f, a field of m, that something else gives already. It returns the fields of bound inside f, which the
// value may not have.
func give(m protoreflect.Message, f field, bound []boundField, at place) (inside []boundField, err error) {
	for _, other := range bound {
		if other.field.isIn(f) && !f.isIn(other.field) {
			inside = append(inside, other)
		} else if clash := other.clash(f); clash != "" {
			return nil, refused(FromBody, at.path, "%s", clash)
		}
	}
	if oneof := f.leaf().ContainingOneof(); oneof != nil {
		if set := m.WhichOneof(oneof); set != nil && set.Number() != f.leaf().Number() {
			return nil, refused(FromBody, at.path, "%s is set already, and of the oneof %s only one member can be", set.Name(), oneof.Name())
		}
	}
	return inside, nil
}

// messages reads one message, a list of them, or a map with them.
func (b bodyReader) messages(m protoreflect.Message, f field, bound []boundField, at place) error {
	fd, first := f.leaf(), json.Delim('{')
	if fd.IsList() {
		first = '['
	}
	null, err := b.open(first, describe(fd), at)
	if err != nil || null {
		return err
	}
	inside, err := give(m, f, bound, at)
	switch {
	case err != nil:
		return err
	case fd.IsMap():
		return b.entries(m.Mutable(fd).Map(), fd, at)
	case fd.IsList():
		return b.elements(m.Mutable(fd).List(), fd, at)
	}
	return b.members(m.Mutable(fd).Message(), f, inside, at)
}

func (b bodyReader) elements(list protoreflect.List, fd protoreflect.FieldDescriptor, at place) error {
	for b.dec.More() {
		here := at.element(list.Len())
		if err := b.nested(list.AppendMutable().Message(), fd, here); err != nil {
			return err
		}
	}
	_, err := b.dec.Token()
	return err
}

func (b bodyReader) entries(entries protoreflect.Map, fd protoreflect.FieldDescriptor, at place) error {
	for b.dec.More() {
		token, err := b.dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return unreadable(err)
		}
		here := at.entry(shown(key))
		parsed, ok := parseScalar(fd.MapKey(), key)
		switch {
		case !ok:
			return refused(FromBody, here.path, "expected %s as key of the map", expected(fd.MapKey()))
		case entries.Has(parsed.MapKey()):
			return refused(FromBody, here.path, "expected one value, found several")
		}
		if err := b.nested(entries.Mutable(parsed.MapKey()).Message(), fd.MapValue(), here); err != nil {
			return err
		}
	}
	_, err := b.dec.Token()
	return err
}

// nested reads an element of a list or a map. No field in it can be bound already, and null is not a message.
func (b bodyReader) nested(m protoreflect.Message, fd protoreflect.FieldDescriptor, at place) error {
	null, err := b.open('{', describeOne(fd), at)
	if err != nil {
		return err
	}
	if null {
		return mismatch(FromBody, at.path, describeOne(fd), "null")
	}
	return b.members(m, field{}, nil, at)
}

// leaf reads a value that has no members.
func (b bodyReader) leaf(m protoreflect.Message, fd protoreflect.FieldDescriptor, raw json.RawMessage, at place) error {
	key, err := json.Marshal(at.key)
	if err != nil {
		return unreadable(err)
	}
	scratch := dynamicpb.NewMessage(m.Descriptor())
	err = unmarshalJSON(slices.Concat([]byte("{"), key, []byte(":"), raw, []byte("}")), scratch, !b.rejectUnknown, b.types)
	switch md := fd.Message(); {
	case err != nil && (fd.IsMap() || md != nil && isOpaque(md)):
		return refused(FromBody, at.path, "expected %s: %s", describe(fd), jsonReason(err))
	case err != nil || holdsUnknownEnum(fd, raw):
		return mismatch(FromBody, at.path, describe(fd), string(raw))
	}
	scratch.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		m.Set(fd, v)
		return true
	})
	return nil
}

// holdsUnknownEnum reports whether an enum, or a list or a map of enums, has a value that its type does not have. protojson drops names
// that it does not know where it drops unknown fields, and takes every number.
func holdsUnknownEnum(fd protoreflect.FieldDescriptor, raw json.RawMessage) bool {
	ed := fd.Enum()
	if fd.IsMap() {
		ed = fd.MapValue().Enum()
	}
	if ed == nil {
		return false
	}
	var elements []json.RawMessage
	var err error
	switch {
	case fd.IsMap():
		var entries map[string]json.RawMessage
		err = json.Unmarshal(raw, &entries)
		elements = slices.Collect(maps.Values(entries))
	case fd.IsList():
		err = json.Unmarshal(raw, &elements)
	default:
		elements = []json.RawMessage{raw}
	}
	return err != nil || slices.ContainsFunc(elements, func(element json.RawMessage) bool {
		var name string
		var number float64
		switch {
		case isNull(element):
			return false
		case json.Unmarshal(element, &name) == nil:
			return ed.Values().ByName(protoreflect.Name(name)) == nil
		case json.Unmarshal(element, &number) == nil:
			return ed.IsClosed() && ed.Values().ByNumber(protoreflect.EnumNumber(number)) == nil
		}
		return true
	})
}
