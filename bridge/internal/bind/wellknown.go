package bind

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wellKnownType is a message type whose JSON form is a single value, so that a parameter can have it.
type wellKnownType struct {
	text string // describes the values; "" for a wrapper
}

// wellKnown returns the well-known type that md is, or nil. A schema may come from any server, so a type that has the name and not
// the fields of a well-known type is an ordinary message.
func wellKnown(md protoreflect.MessageDescriptor) *wellKnownType {
	fields := md.Fields()
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		return secondsAndNanos(fields, "an RFC 3339 time such as 2026-01-02T15:04:05Z")
	case "google.protobuf.Duration":
		return secondsAndNanos(fields, "seconds such as 1.5s")
	case "google.protobuf.FieldMask":
		if fd := fields.ByNumber(1); fd != nil && fd.IsList() && fd.Kind() == protoreflect.StringKind {
			return &wellKnownType{"field paths in lowerCamelCase with commas between them"}
		}
	case "google.protobuf.BoolValue", "google.protobuf.BytesValue", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
		"google.protobuf.Int32Value", "google.protobuf.Int64Value", "google.protobuf.StringValue",
		"google.protobuf.UInt32Value", "google.protobuf.UInt64Value":
		if fd := wrapped(md); fd != nil && !fd.IsList() && fd.Message() == nil {
			return &wellKnownType{}
		}
	}
	return nil
}

func secondsAndNanos(fields protoreflect.FieldDescriptors, text string) *wellKnownType {
	seconds, nanos := fields.ByNumber(1), fields.ByNumber(2)
	if seconds == nil || seconds.IsList() || seconds.Kind() != protoreflect.Int64Kind ||
		nanos == nil || nanos.IsList() || nanos.Kind() != protoreflect.Int32Kind {
		return nil
	}
	return &wellKnownType{text}
}

// wrapped returns the field of a wrapper.
func wrapped(md protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	return md.Fields().ByNumber(1)
}

// isOpaque reports whether md is a type whose JSON form is a JSON document.
func isOpaque(md protoreflect.MessageDescriptor) bool {
	switch md.FullName() {
	case "google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue":
		return true
	}
	return false
}

// expected describes the values.
func (k *wellKnownType) expected(md protoreflect.MessageDescriptor) string {
	if k.text == "" {
		return expected(wrapped(md))
	}
	return k.text
}

// parse fills m, an empty message of the type, and reports whether text is a value of it.
func (k *wellKnownType) parse(m protoreflect.Message, text string, types Resolver) bool {
	if k.text == "" {
		v, ok := parseScalar(wrapped(m.Descriptor()), text)
		if ok {
			m.Set(wrapped(m.Descriptor()), v)
		}
		return ok
	}
	if !utf8.ValidString(text) {
		return false
	}
	quoted, err := json.Marshal(text)
	return err == nil && protojson.UnmarshalOptions{Resolver: types}.Unmarshal(quoted, m.Interface()) == nil
}

// unmarshalJSON is protojson's Unmarshal without its panic. protojson knows the types of google.protobuf by their names alone, and panics
// for a type of such a name that has other fields.
func unmarshalJSON(text []byte, m proto.Message, discardUnknown bool, types Resolver) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the schema has a type of google.protobuf with other fields than the original")
		}
	}()
	return protojson.UnmarshalOptions{AllowPartial: true, DiscardUnknown: discardUnknown, Resolver: types}.Unmarshal(text, m)
}
