package route

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// cursor warns where the request field for the cursor cannot hold every id of the events. The bridge drops an id that does not
// fit when a browser presents it.
func (c *planner) cursor(md protoreflect.MessageDescriptor) {
	if c.plan.ID == nil || c.plan.ID.Descriptor() == nil {
		return
	}
	id := c.plan.ID.Descriptor()
	for _, s := range c.route.Request.Set {
		if len(s.Value) != 1 || s.Value[0].Ref != config.LastEventID {
			continue // the field holds more than the cursor
		}
		path, err := transcode.CompilePath(md, s.Field)
		if err != nil || path.Descriptor() == nil {
			continue // package bind reports a path that does not exist
		}
		if field := path.Descriptor(); !canHold(field, id) {
			c.warn("request.set."+s.Field, fmt.Sprintf(
				"the field %q takes the cursor and is of type %s, but ids come of %q, which is of type %s: "+
					"one that does not fit is dropped when a browser comes back",
				s.Field, typeName(field), c.route.Event.ID, typeName(id)), "bind a field that the upstream compares with `event.id`")
		}
	}
}

// canHold reports whether a field can hold the text of every id.
func canHold(field, id protoreflect.FieldDescriptor) bool {
	to, from := scalarOf(field), scalarOf(id)
	if to.message != "" || from.message != "" {
		return to.message == from.message || to.kind == protoreflect.StringKind && to.message == ""
	}
	switch to.kind {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return true
	case protoreflect.EnumKind:
		return from.kind == protoreflect.EnumKind && to.enum == from.enum
	case protoreflect.BoolKind:
		return from.kind == protoreflect.BoolKind
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return bitsOf(from.kind) > 0 || from.kind == protoreflect.FloatKind || from.kind == protoreflect.DoubleKind
	}
	return bitsOf(from.kind) > 0 && bitsOf(from.kind) <= bitsOf(to.kind)
}

// scalarType is the type of the values in a field: a scalar, which may be in a wrapper message, or a message.
type scalarType struct {
	kind    protoreflect.Kind
	enum    protoreflect.FullName
	message protoreflect.FullName // such as Timestamp or Duration; "" for a scalar
}

func scalarOf(fd protoreflect.FieldDescriptor) scalarType {
	if md := fd.Message(); md != nil {
		if value := md.Fields().ByName("value"); md.ParentFile().Path() == "google/protobuf/wrappers.proto" && value != nil {
			return scalarType{kind: value.Kind()}
		}
		return scalarType{kind: fd.Kind(), message: md.FullName()}
	}
	out := scalarType{kind: fd.Kind()}
	if fd.Enum() != nil {
		out.enum = fd.Enum().FullName()
	}
	return out
}

// bitsOf returns the number of bits of an integer type, 0 for every other type.
func bitsOf(k protoreflect.Kind) int {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return 32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return 64
	}
	return 0
}

func typeName(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.Message() != nil:
		return string(fd.Message().FullName())
	case fd.Enum() != nil:
		return string(fd.Enum().FullName())
	}
	return fd.Kind().String()
}
