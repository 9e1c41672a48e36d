// Package misfit makes documents that a type or a schema must refuse, for tests. Each differs in one place from a document that fits.
package misfit

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcsse/grpcsse/bridge/describe"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// Mistake is a document that must be refused.
type Mistake struct {
	// What is the kind of the mistake: one of [Kinds].
	What string
	Text string // the JSON
}

// UnknownMember is the kind of a document with a member that is not listed.
const UnknownMember = "an unknown member"

// wrongValues are values that fit no value of a kind.
func wrongValues() map[describe.Kind]string {
	return map[describe.Kind]string{
		describe.Bool: `"true"`, describe.Int32: `"7"`, describe.Uint32: `"7"`, describe.Int64: `7`, describe.Uint64: `7`,
		describe.Float: `"7"`, describe.Double: `"7"`, describe.String: `7`, describe.Bytes: `7`, describe.Enum: `"no such name"`,
		describe.EnumNumber: `"7"`, describe.Null: `false`, describe.Timestamp: `7`, describe.Duration: `7`, describe.FieldMask: `["a"]`,
		describe.Struct: `7`, describe.ListValue: `{"a": 7}`, describe.Any: `{"value": 7}`, describe.Message: `[7]`, describe.List: `{"a": 7}`,
		describe.Map: `7`,
	}
}

// Kinds returns the kinds of mistakes. Samples of every feature of protobuf must have each of them.
func Kinds() []string {
	kinds := []string{"a missing member", UnknownMember, "two members of a oneof", "null"}
	for kind := range wrongValues() {
		kinds = append(kinds, string(kind))
	}
	return kinds
}

// Of returns documents that differ from one that fits in a single place.
func Of(t *testing.T, s *describe.Shape, text string) (out []Mistake) {
	t.Helper()
	if wrong, ok := wrongValues()[s.Kind]; ok {
		out = append(out, Mistake{string(s.Kind), wrong})
	}
	if s.Kind != describe.Value && s.Kind != describe.Null {
		out = append(out, Mistake{"null", "null"})
	}
	switch s.Kind {
	case describe.List:
		var list []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &list))
		for i := range list {
			for _, bad := range Of(t, s.Elem, string(list[i])) {
				changed := slices.Clone(list)
				changed[i] = json.RawMessage(bad.Text)
				out = append(out, Mistake{bad.What, encode(t, changed)})
			}
		}
	case describe.Map:
		out = append(out, inMembers(t, text, func(string) *describe.Shape { return s.Elem })...)
	case describe.Message:
		out = append(out, inObject(t, s.Object, text)...)
	}
	return out
}

func inObject(t *testing.T, o *describe.Object, text string) (out []Mistake) {
	t.Helper()
	shapes, required, oneofs := map[string]*describe.Shape{}, map[string]bool{}, map[string]*describe.Oneof{}
	for _, f := range o.Fields {
		shapes[f.Name], required[f.Name], oneofs[f.Name] = f.Shape, f.Required, f.Oneof
	}
	object := members(t, text)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if required[name] {
			less := maps.Clone(object)
			delete(less, name)
			out = append(out, Mistake{"a missing member", encode(t, less)})
		}
		if oneof := oneofs[name]; oneof != nil && len(oneof.Fields) > 1 {
			other := oneof.Fields[0].Name
			if other == name {
				other = oneof.Fields[1].Name
			}
			more := maps.Clone(object)
			more[other] = object[name]
			out = append(out, Mistake{"two members of a oneof", encode(t, more)})
		}
	}
	more := maps.Clone(object)
	more["no such member"] = json.RawMessage("7")
	out = append(out, Mistake{UnknownMember, encode(t, more)})
	return append(out, inMembers(t, text, func(name string) *describe.Shape { return shapes[name] })...)
}

// inMembers returns objects in which the value of one member is wrong.
func inMembers(t *testing.T, text string, shapeOf func(string) *describe.Shape) (out []Mistake) {
	t.Helper()
	object := members(t, text)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		shape := shapeOf(name)
		if shape == nil {
			continue // an extension
		}
		for _, bad := range Of(t, shape, string(object[name])) {
			changed := maps.Clone(object)
			changed[name] = json.RawMessage(bad.Text)
			out = append(out, Mistake{bad.What, encode(t, changed)})
		}
	}
	return out
}

func members(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &object))
	return object
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// MessageTypes returns message types that together have every feature of protobuf.
func MessageTypes() (all []protoreflect.MessageDescriptor) {
	for _, file := range []protoreflect.FileDescriptor{
		transcodev1.File_test_transcode_v1_proto3_proto, transcodev1.File_test_transcode_v1_proto2_proto,
		transcodev1.File_test_transcode_v1_edition2023_proto, transcodev1.File_test_transcode_v1_shapes_proto,
		descriptorpb.File_google_protobuf_descriptor_proto,
	} {
		for i := range file.Messages().Len() {
			all = append(all, file.Messages().Get(i))
		}
	}
	known := transcodev1.File_test_transcode_v1_proto3_proto.Messages().ByName("Known")
	for i := range known.Fields().Len() { // an event may be a well-known type
		if fd := known.Fields().Get(i); !fd.IsList() && !fd.IsMap() {
			all = append(all, fd.Message())
		}
	}
	return all
}
