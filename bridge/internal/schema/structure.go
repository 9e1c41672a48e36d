package schema

import "google.golang.org/protobuf/encoding/protowire"

// structure is the size of a serialized FileDescriptorProto once it is read: a few bytes make an element of hundreds, and
// a full name repeats the names of all messages around it.
type structure struct {
	elements int // files, messages, fields, values, methods and everything else beside them
	depth    int // of messages in messages
}

// part says which fields of a descriptor hold further descriptors.
type part map[protowire.Number]part

// fileParts follows google/protobuf/descriptor.proto.
func fileParts() part {
	leaf := part{}
	message := part{4: leaf}                  // enum_type
	message[3] = message                      // nested_type
	return part{4: message, 5: leaf, 6: leaf} // message_type, enum_type, service
}

// deepest is where measuring ends: the exact depth of what lies below is of no interest, the stack is.
const deepest = 1000

// measure counts without building anything. It stops where the bytes do not parse: whoever reads them will say so.
func (s *structure) measure(wire []byte, parts part, depth int) {
	s.depth = max(s.depth, depth)
	if depth == deepest {
		return
	}
	for len(wire) > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(number, kind, wire[n:])
		if size < 0 {
			return
		}
		s.elements++
		if inner, ok := parts[number]; ok && kind == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(wire[n:])
			s.measure(body, inner, depth+1)
		}
		wire = wire[n+size:]
	}
}
