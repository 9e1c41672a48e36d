package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// ticker is the service of docs/getting-started.md, for reflection.
type ticker struct{ file protoreflect.FileDescriptor }

func (t ticker) GetServiceInfo() map[string]grpc.ServiceInfo {
	return map[string]grpc.ServiceInfo{string(t.file.Services().Get(0).FullName()): {}}
}

// startTicker starts a server for the first method of a .proto file, with reflection. The method sends a message every 10 ms, with the
// name of the request and a number.
func startTicker(t *testing.T, address, source string) {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"ticker.proto": source}),
	}}
	compiled, err := compiler.Compile(t.Context(), "ticker.proto")
	require.NoError(t, err)
	files := new(protoregistry.Files)
	require.NoError(t, files.RegisterFile(compiled[0]))
	method := compiled[0].Services().Get(0).Methods().Get(0)

	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		request := dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(request); err != nil {
			return err
		}
		name := request.Get(method.Input().Fields().ByName("name"))
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		for n := int32(1); ; n++ {
			tick := dynamicpb.NewMessage(method.Output())
			tick.Set(method.Output().Fields().ByName("name"), name)
			tick.Set(method.Output().Fields().ByName("number"), protoreflect.ValueOfInt32(n))
			if err := stream.SendMsg(tick); err != nil {
				return err
			}
			select {
			case <-pace.C:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
	}))
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{
		Services: ticker{compiled[0]}, DescriptorResolver: files,
	}))
	listener, err := new(net.ListenConfig).Listen(context.WithoutCancel(t.Context()), "tcp", address)
	require.NoError(t, err)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		assert.NoError(t, <-stopped)
	})
}
