package main

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// halfDescribed is a reflection service that lists good.S and shop.v1.Orders, and has no file that the second one imports.
type halfDescribed struct {
	reflectionv1.UnimplementedServerReflectionServer
}

// startHalfDescribed starts a server with such a service, and returns its address.
func startHalfDescribed(t *testing.T) string {
	t.Helper()
	return startGRPC(t, func(server *grpc.Server) { reflectionv1.RegisterServerReflectionServer(server, halfDescribed{}) })
}

// startBare starts a server without a service, and returns its address.
func startBare(t *testing.T) string {
	t.Helper()
	return startGRPC(t, func(*grpc.Server) {})
}

// startGRPC starts a server, and returns its address.
func startGRPC(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func (halfDescribed) ServerReflectionInfo(stream reflectionv1.ServerReflection_ServerReflectionInfoServer) error {
	for {
		question, err := stream.Recv()
		if err != nil {
			return nil
		}
		if err := stream.Send(answerTo(question)); err != nil {
			return err
		}
	}
}

func answerTo(question *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
	switch symbol := question.GetFileContainingSymbol(); {
	case question.GetListServices() != "":
		return &reflectionv1.ServerReflectionResponse{MessageResponse: &reflectionv1.ServerReflectionResponse_ListServicesResponse{
			ListServicesResponse: &reflectionv1.ListServiceResponse{Service: []*reflectionv1.ServiceResponse{{Name: "good.S"}, {Name: "shop.v1.Orders"}}},
		}}
	case symbol == "good.S":
		return describe(serviceFile("good", "S", ".good.M"))
	case symbol == "shop.v1.Orders":
		return describe(serviceFile("shop.v1", "Orders", ".gone.T", "internal/x.proto"))
	}
	return &reflectionv1.ServerReflectionResponse{MessageResponse: &reflectionv1.ServerReflectionResponse_ErrorResponse{
		ErrorResponse: &reflectionv1.ErrorResponse{ErrorCode: int32(codes.NotFound), ErrorMessage: "not here"},
	}}
}

func describe(file *descriptorpb.FileDescriptorProto) *reflectionv1.ServerReflectionResponse {
	wire, err := proto.Marshal(file)
	if err != nil {
		panic(err) // the file is made here
	}
	return &reflectionv1.ServerReflectionResponse{MessageResponse: &reflectionv1.ServerReflectionResponse_FileDescriptorResponse{
		FileDescriptorResponse: &reflectionv1.FileDescriptorResponse{FileDescriptorProto: [][]byte{wire}},
	}}
}

// serviceFile describes a service with one method, Watch, that returns a stream of a type.
func serviceFile(pkg, service, output string, imports ...string) *descriptorpb.FileDescriptorProto {
	return &descriptorpb.FileDescriptorProto{
		Name: new(pkg + ".proto"), Package: &pkg, Dependency: imports,
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: &service, Method: []*descriptorpb.MethodDescriptorProto{{
			Name: new("Watch"), InputType: new("." + pkg + ".M"), OutputType: &output, ServerStreaming: new(true),
		}}}},
	}
}
