package schema

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// FromProgram returns the schema of services whose generated code is linked into the program. There may be no services. The
// Types of the schema resolve every linked type, since the program can put only linked types into an Any.
func FromProgram(services ...protoreflect.ServiceDescriptor) (*Snapshot, error) {
	var roots []protoreflect.FileDescriptor
	offered := map[protoreflect.FullName]bool{}
	for _, service := range services {
		roots = append(roots, service.ParentFile())
		offered[service.FullName()] = true
	}
	files := importsOf(roots)
	s, err := newSnapshot(files, servicesIn(files, func(name protoreflect.FullName) bool { return offered[name] }), nil)
	if err != nil {
		return nil, err
	}
	s.types = dynamicpb.NewTypes(protoregistry.GlobalFiles)
	return s, nil
}
