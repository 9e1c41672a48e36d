package bind

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// maxSettingValues is how many values all settings of a route may have together. Each request goes through all of them.
const maxSettingValues = 10_000

// setting adds a setting. A literal goes into the message that every request begins with.
func (c *compiler) setting(s Setting) {
	key := "request.set." + s.Field
	f, err := find(c.message(), s.Field)
	if err != nil {
		c.problem(key, fieldsHint(err.parent), "no value can be set here: %s", err)
		return
	}
	c.claim(key, f, "request.set")
	before := len(c.problems)
	given := setting{field: f, slot: c.slot(key, f, s, 0)}
	switch {
	case len(c.problems) > before:
	case s.refers():
		c.binder.settings = append(c.binder.settings, given)
	default:
		r := &binding{Binder: c.binder, message: c.binder.literals}
		if err := given.put(r); err != nil { // a mistake that no check of a single value finds, such as a Struct that is too deep
			c.problem(key, "", "%s", err)
		}
	}
}

// slot compiles the value that a setting gives f, a field of any type.
func (c *compiler) slot(key string, f field, s Setting, depth int) slot {
	fd := f.leaf()
	out := slot{fd: fd}
	switch {
	case fd.IsMap():
		c.entries(key, f, s, depth, &out)
	case fd.IsList() && s.List == nil:
		c.problem(key, "a list with one element is written [x]", "expected a list: %s is a repeated field", f.name)
	case fd.IsList():
		for i, element := range s.List {
			at := field{path: f.path, name: fmt.Sprintf("%s[%d]", f.name, i)}
			out.values = append(out.values, c.maker(fmt.Sprintf("%s[%d]", key, i), at, element, depth+1))
		}
	default:
		out.values = []maker{c.maker(key, f, s, depth)}
	}
	return out
}

// entries compiles the entries that a mapping gives a map.
func (c *compiler) entries(key string, f field, s Setting, depth int, out *slot) {
	fd := f.leaf()
	if s.Members == nil {
		c.problem(key, "", "expected a mapping: %s is a map", f.name)
		return
	}
	given := map[any]struct{}{}
	for _, entry := range s.Members {
		here := key + "." + entry.Field
		name, ok := parseScalar(fd.MapKey(), entry.Field)
		if !ok {
			c.problem(here, "", "expected %s as key of the map %s, found %q", expected(fd.MapKey()), f.name, shown(entry.Field))
			continue
		}
		if _, twice := given[name.Interface()]; twice {
			c.problem(here, "", "the key %q of the map %s is set twice", shown(entry.Field), f.name)
		}
		given[name.Interface()] = struct{}{}
		at := field{path: []protoreflect.FieldDescriptor{fd.MapValue()}, name: fmt.Sprintf("%s[%q]", f.name, entry.Field)}
		out.keys = append(out.keys, name.MapKey())
		out.values = append(out.values, c.maker(here, at, entry, depth+1))
	}
}

// maker compiles one value of f, or of one element where f is a list.
func (c *compiler) maker(key string, f field, s Setting, depth int) maker {
	if c.values++; c.values > maxSettingValues {
		if c.values == maxSettingValues+1 {
			c.problem(key, "", "expected at most %d values in all settings together", maxSettingValues)
		}
		return nil
	}
	if depth > maxDepth {
		c.problem(key, "", "expected mappings and lists nested at most %d deep", maxDepth)
		return nil
	}
	fd := f.leaf()
	switch md := fd.Message(); {
	case s.isNull() && !holdsNull(fd):
		c.problem(key, "leave the key out, or give it a value", "expected %s, found nothing", describeSetting(fd))
	case md != nil && isOpaque(md):
		return c.document(key, f, s, depth)
	case md != nil && wellKnown(md) == nil && s.Members == nil:
		c.problem(key, "", "expected %s: %s is a message (%s)", describeSetting(fd), f.name, md.FullName())
	case md != nil && wellKnown(md) == nil:
		return c.members(key, f, s, depth)
	case s.List != nil:
		c.problem(key, "", "expected one value, found a list: %s is no repeated field", f.name)
	case s.Members != nil:
		c.problem(key, "", "expected %s, found a mapping: %s is no message", expected(fd), f.name)
	default:
		c.value(key, f, s.Value)
		return textMaker{field: f, value: s.Value}
	}
	return nil
}

// members compiles the fields that a mapping gives a message.
func (c *compiler) members(key string, f field, s Setting, depth int) maker {
	md := f.leaf().Message()
	out := messageMaker{md: md}
	given := map[protoreflect.FieldNumber]struct{}{}
	oneofs := map[protoreflect.FullName]protoreflect.Name{}
	for _, member := range s.Members {
		here := key + "." + member.Field
		fd := lookUpKey(md, member.Field, c.spec.Resolver)
		if fd == nil {
			c.problem(here, fieldsHint(md), "no value can be set here: %s has no field %q", md.FullName(), shown(member.Field))
			continue
		}
		if _, twice := given[fd.Number()]; twice {
			c.problem(here, "", "%s is set twice", f.child(fd).name)
			continue
		}
		given[fd.Number()] = struct{}{}
		if oneof := fd.ContainingOneof(); oneof != nil {
			if other, taken := oneofs[oneof.FullName()]; taken {
				c.problem(here, "", "%s is set already, and of the oneof %s only one member can be", other, oneof.Name())
				continue
			}
			oneofs[oneof.FullName()] = fd.Name()
		}
		out.members = append(out.members, c.slot(here, f.child(fd), member, depth+1))
	}
	return out
}

// document compiles a value that is a JSON document in ProtoJSON.
func (c *compiler) document(key string, f field, s Setting, depth int) maker {
	md := f.leaf().Message()
	name := md.FullName()
	isMapping, isList := s.Members != nil, s.List != nil
	if name == "google.protobuf.ListValue" && !isList || (name == "google.protobuf.Struct" || name == "google.protobuf.Any") && !isMapping {
		c.problem(key, "", "expected %s: %s is a %s", describeSetting(f.leaf()), f.name, name)
		return nil
	}
	if name == "google.protobuf.Any" && !slices.ContainsFunc(s.Members, func(m Setting) bool { return m.Field == "@type" && !m.refers() }) {
		c.problem(key, "", `expected a mapping with "@type", the type's URL without references: %s is a %s`, f.name, name)
		return nil
	}
	before := len(c.problems)
	c.documentParts(key, s, depth)
	out := documentMaker{field: f, setting: s}
	if len(c.problems) > before || s.refers() {
		return out
	}
	var text bytes.Buffer
	if _, err := out.write(&binding{Binder: c.binder}, &text, s); err != nil {
		c.problem(key, "", "%s", err)
	} else if err := unmarshalJSON(text.Bytes(), dynamicpb.NewMessage(md), false, c.spec.Resolver); err != nil {
		c.problem(key, "", "expected %s: %s", describeSetting(f.leaf()), jsonReason(err))
	}
	return out
}

// documentParts checks the references in a document, and that no name is given twice.
func (c *compiler) documentParts(key string, s Setting, depth int) {
	if depth > maxDepth {
		c.problem(key, "", "expected mappings and lists nested at most %d deep", maxDepth)
		return
	}
	if c.values++; c.values == maxSettingValues+1 {
		c.problem(key, "", "expected at most %d values in all settings together", maxSettingValues)
	}
	for _, p := range s.Value {
		if p.Ref != "" {
			c.reference(key, p)
		}
	}
	for i, element := range s.List {
		c.documentParts(fmt.Sprintf("%s[%d]", key, i), element, depth+1)
	}
	given := map[string]struct{}{}
	for _, member := range s.Members {
		if _, twice := given[member.Field]; twice {
			c.problem(key+"."+member.Field, "", "%q is set twice", shown(member.Field))
		}
		given[member.Field] = struct{}{}
		c.documentParts(key+"."+member.Field, member, depth+1)
	}
}

// value checks the text of one value.
func (c *compiler) value(key string, f field, v Value) {
	if text, ok := v.literal(); ok {
		if _, ok := f.parse(text, c.spec.Resolver); !ok {
			c.problem(key, "", "expected %s, found %q", expected(f.leaf()), shown(text))
		}
		return
	}
	if len(v) > 1 && f.leaf().Kind() != protoreflect.StringKind {
		c.problem(key, "", "expected one value or one reference: only a string field takes text with references in it, "+
			"and %s takes %s", f.name, expected(f.leaf()))
	}
	for _, p := range v {
		if p.Ref != "" {
			c.reference(key, p)
		}
	}
	if ref, ok := v.alone(); ok && v[0].HasDefault {
		if _, ok := parseReference(f, ref, v[0].Default, c.spec.Resolver); !ok {
			c.problem(key, "", "the default of ${%s}: expected %s, found %q", ref, expected(f.leaf()), shown(v[0].Default))
		}
	}
}

// holdsNull reports whether null is a value of fd, or of an element of fd.
func holdsNull(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Value"
}

// describeSetting describes one value of fd in a configuration, in words that follow "expected".
func describeSetting(fd protoreflect.FieldDescriptor) string {
	md := fd.Message()
	switch {
	case md == nil || wellKnown(md) != nil:
		return expected(fd)
	case md.FullName() == "google.protobuf.ListValue":
		return "a list"
	case md.FullName() == "google.protobuf.Value":
		return "a value"
	case isOpaque(md) || md.Fields().Len() == 0:
		return "a mapping"
	}
	return fmt.Sprintf("a mapping such as {%s: …}", md.Fields().Get(0).Name())
}
