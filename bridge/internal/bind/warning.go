package bind

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/internal/fieldname"
)

// Warnings returns warnings about a spec without problems, whose effect is likely to surprise.
func (b *Binder) Warnings() []Problem { return b.warnings }

// maxWarnedTypes bounds how many message types are searched for names that two fields have.
const maxWarnedTypes = 1000

// SharedNames returns a sentence for each two fields of md, or of a message inside it, that have one JSON name. JSON cannot tell them
// apart: the first field is read, and both are written.
func SharedNames(md protoreflect.MessageDescriptor) []string {
	var found []string
	eachType(md, func(md protoreflect.MessageDescriptor) {
		first := map[string]protoreflect.FieldDescriptor{}
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			if other, twice := first[fd.JSONName()]; twice {
				found = append(found, fmt.Sprintf("the fields %s and %s of %s have one JSON name, %q",
					other.Name(), fd.Name(), md.FullName(), shown(fd.JSONName())))
				continue
			}
			first[fd.JSONName()] = fd
		}
	})
	return found
}

// hiddenNames returns the fields whose name in the .proto file is the JSON name of another field, so that the name does not reach
// them.
func hiddenNames(md protoreflect.MessageDescriptor) []string {
	var found []string
	eachType(md, func(md protoreflect.MessageDescriptor) {
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			if other := fieldname.LookUp(md, string(fd.Name())); other.Number() != fd.Number() {
				found = append(found, fmt.Sprintf("in %s, %q means the field %s, whose JSON name it is, and not the field %s",
					md.FullName(), fd.Name(), other.Name(), fd.Name()))
			}
		}
	})
	return found
}

// eachType calls look for md and the types of messages inside of it, once each.
func eachType(md protoreflect.MessageDescriptor, look func(protoreflect.MessageDescriptor)) {
	seen := map[protoreflect.FullName]struct{}{md.FullName(): {}}
	for queue := []protoreflect.MessageDescriptor{md}; len(queue) > 0; queue = queue[1:] {
		look(queue[0])
		for i := range queue[0].Fields().Len() {
			inner := queue[0].Fields().Get(i).Message()
			if inner == nil || len(seen) == maxWarnedTypes {
				continue
			}
			if _, known := seen[inner.FullName()]; !known {
				seen[inner.FullName()] = struct{}{}
				queue = append(queue, inner)
			}
		}
	}
}

// warn collects the warnings.
func (c *compiler) warn() {
	add := func(key, hint, format string, args ...any) {
		c.binder.warnings = append(c.binder.warnings, Problem{Key: key, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	for _, text := range SharedNames(c.message()) {
		add("rpc", "name the second one as the .proto file does", "%s: a request that has it gives the first", text)
	}
	for _, text := range hiddenNames(c.message()) {
		add("rpc", "name the field by its JSON name", "%s", text)
	}
	for _, name := range []string{CursorParameter, CursorParameterJS} {
		fd := fieldname.LookUp(c.message(), name)
		if fd == nil || string(fd.Name()) != name { // the same field under the other name
			continue
		}
		f := field{}.child(fd)
		if c.binder.binds(f) {
			continue
		}
		hint := "bind it with `request.set`: `" + name + ": ${last_event_id}`"
		if taker := c.cursorTaker(); taker != "" {
			hint = taker + " has the cursor already; any other value of the field can stand in `request.set`"
		}
		does := "an id that a browser's library sends as the parameter last_event_id or lastEventId becomes the value of the request field %s"
		switch {
		case c.binder.hasCursor:
			does = "the parameter of the name %s is the cursor, and the request field of that name stays unset"
		case !c.binder.takes(f):
			continue
		}
		add("request", hint, does, name)
	}
}

// binds reports whether a variable or a setting binds f, or a field inside it or around it.
func (b *Binder) binds(f field) bool {
	for _, other := range b.bound {
		if f.isIn(other.field) || other.field.isIn(f) {
			return true
		}
	}
	return false
}
