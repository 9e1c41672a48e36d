package schema

import (
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// structure measures how much memory a serialized FileDescriptorProto needs when it is parsed. An element of a few bytes on the
// wire takes hundreds of bytes in memory, and each full name repeats the names of all messages around it.
type structure struct {
	elements int // files, messages, fields, values, methods and all other fields of descriptors
	depth    int // of nested messages
}

// part holds the numbers of the fields of a descriptor that contain further descriptors.
type part map[protowire.Number]part

// fileParts returns the parts of a FileDescriptorProto, from google/protobuf/descriptor.proto.
func fileParts() part {
	leaf := part{}
	message := part{4: leaf}                  // enum_type
	message[3] = message                      // nested_type
	return part{4: message, 5: leaf, 6: leaf} // message_type, enum_type, service
}

// deepest is the depth at which measuring stops, so that the stack stays small.
const deepest = 1000

// measure counts elements without parsing the file. It stops where the bytes do not parse: proto.Unmarshal reports the error
// later.
func (s *structure) measure(wire []byte, parts part, depth int) {
	s.depth = max(s.depth, depth)
	if depth == deepest {
		return
	}
	for number, body := range wireFields(wire) {
		s.elements++
		if inner, ok := parts[number]; ok && body != nil {
			s.measure(body, inner, depth+1)
		}
	}
}

// wireFields returns the fields of a message in the wire format: the number of each field, and its content. The content is nil
// for a field without a length. The fields end where the bytes do not parse.
func wireFields(wire []byte) iter.Seq2[protowire.Number, []byte] {
	return func(yield func(protowire.Number, []byte) bool) {
		for len(wire) > 0 {
			number, kind, n := protowire.ConsumeTag(wire)
			if n < 0 {
				return
			}
			size := protowire.ConsumeFieldValue(number, kind, wire[n:])
			if size < 0 {
				return
			}
			var body []byte
			if kind == protowire.BytesType {
				body, _ = protowire.ConsumeBytes(wire[n:])
			}
			if !yield(number, body) {
				return
			}
			wire = wire[n+size:]
		}
	}
}
