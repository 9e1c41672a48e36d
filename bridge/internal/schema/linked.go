package schema

import (
	"strings"

	_ "google.golang.org/genproto/googleapis/api/annotations" // google/api/annotations.proto, http.proto and their like
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	_ "google.golang.org/genproto/googleapis/api/visibility"
	_ "google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	_ "google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/gofeaturespb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/apipb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/sourcecontextpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/typepb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"

	_ "github.com/grpcsse/grpcsse/gen/grpcsse/v1" // the options of this project
)

// linked resolves common imports, such as the well-known types, from the files that are linked into the program. It resolves no
// other linked file: the program may link a file that has the path of an upstream's file and other content.
type linked struct{}

// isLinked reports whether linked may resolve a path.
func isLinked(path string) bool {
	for _, prefix := range []string{"google/protobuf/", "google/api/", "google/rpc/", "grpcsse/v1/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// FindFileByPath implements protodesc.Resolver.
func (linked) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if !isLinked(path) {
		return nil, protoregistry.NotFound
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName implements protodesc.Resolver.
func (linked) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil || !isLinked(d.ParentFile().Path()) {
		return nil, protoregistry.NotFound
	}
	return d, nil
}

// addLinked adds the linked files to a registry, except those that collide with a file in it.
func addLinked(registry *protoregistry.Files) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if isLinked(file.Path()) {
			_ = registry.RegisterFile(file) // an error means a collision: the file of the upstream stays
		}
		return true
	})
}
