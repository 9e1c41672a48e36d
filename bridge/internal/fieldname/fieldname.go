// Package fieldname says which field of a message a name means, wherever a request or a configuration names one.
package fieldname

import "google.golang.org/protobuf/reflect/protoreflect"

// LookUp returns the field of md that a name means, or nil. As in ProtoJSON, a JSON name comes before the names in the .proto
// file, and of two fields with one JSON name the first counts.
func LookUp(md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	fields := md.Fields()
	if fd := fields.ByJSONName(name); fd != nil {
		return fd
	}
	if fd := fields.ByTextName(name); fd != nil { // a group's is the name of its type
		return fd
	}
	if !protoreflect.Name(name).IsValid() {
		return nil
	}
	return fields.ByName(protoreflect.Name(name))
}
