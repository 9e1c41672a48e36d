package bridgetest

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Scripted returns a function for [NewUpstream] that adds all services of the files. Their server-streaming methods do what the
// test tells them: each waits until the test has taken its [Call] by [Upstream.NextCall], and sends and ends by the methods of the
// Call. The other methods are unimplemented.
//
// A file comes from generated code (pb.File_market_proto), or from a descriptor set by protodesc.NewFiles, so that a test needs no
// generated code.
func Scripted(files ...protoreflect.FileDescriptor) func(grpc.ServiceRegistrar) {
	return func(to grpc.ServiceRegistrar) {
		for _, file := range files {
			for i := range file.Services().Len() {
				to.RegisterService(scriptedService(file.Services().Get(i)), nil)
			}
		}
	}
}

// scriptedService returns a service whose metadata is its file.
func scriptedService(of protoreflect.ServiceDescriptor) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: string(of.FullName()), Metadata: of.ParentFile()}
	for i := range of.Methods().Len() {
		method := of.Methods().Get(i)
		if method.IsStreamingServer() && !method.IsStreamingClient() {
			desc.Streams = append(desc.Streams, grpc.StreamDesc{
				StreamName: string(method.Name()), ServerStreams: true,
				Handler: func(_ any, stream grpc.ServerStream) error { return serveScripted(method, stream) },
			})
		}
	}
	return desc
}

// serveScripted reads the request, and does what the test says.
func serveScripted(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	call, ours := stream.Context().Value(callKey{}).(*Call)
	if !ours {
		return status.Error(codes.Internal, "bridgetest: a scripted service must be registered by NewUpstream")
	}
	call.output = method.Output()
	if err := stream.RecvMsg(newMessage(method.Input())); err != nil {
		return err
	}
	return call.play(stream)
}

// generated returns the generated type of a message, or nil where this program has none, or one of another schema.
func generated(of protoreflect.MessageDescriptor) protoreflect.MessageType {
	known, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil || known.Descriptor() != of {
		return nil
	}
	return known
}

// registerReflection adds server reflection to a server with files that this program may not have linked.
func registerReflection(server *grpc.Server, files []protoreflect.FileDescriptor) {
	own := new(protoregistry.Files)
	for _, file := range files {
		addFile(own, file)
	}
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{
		Services: server, DescriptorResolver: resolver{own},
	}))
}

// addFile adds a file and everything that it imports.
func addFile(to *protoregistry.Files, file protoreflect.FileDescriptor) {
	if _, err := to.FindFileByPath(file.Path()); err == nil {
		return
	}
	for i := range file.Imports().Len() {
		addFile(to, file.Imports().Get(i).FileDescriptor)
	}
	_ = to.RegisterFile(file) // a second file with the same names is not told of
}

// resolver finds descriptors in the files of scripted services first, and then in those that are linked.
type resolver struct{ own *protoregistry.Files }

var _ protodesc.Resolver = resolver{}

// FindFileByPath implements [protodesc.Resolver].
func (r resolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if file, err := r.own.FindFileByPath(path); err == nil {
		return file, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName implements [protodesc.Resolver].
func (r resolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if found, err := r.own.FindDescriptorByName(name); err == nil {
		return found, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}
