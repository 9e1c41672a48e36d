package schema

import (
	"errors"
	"net"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// compileFiles compiles sources by their names, in order, and returns them with all their imports.
func compileFiles(t testing.TB, sources map[string]string, names ...string) []protoreflect.FileDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
		&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)},
		protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			file, err := linked{}.FindFileByPath(path)
			return protocompile.SearchResult{Desc: file}, err
		}),
	})}
	if len(names) == 0 {
		for name := range sources {
			names = append(names, name)
		}
	}
	compiled, err := compiler.Compile(t.Context(), names...)
	require.NoError(t, err)
	var roots []protoreflect.FileDescriptor
	for _, file := range compiled {
		roots = append(roots, file)
	}
	return importsOf(roots)
}

// registry holds files but those left out.
func registry(t testing.TB, files []protoreflect.FileDescriptor, without ...string) *protoregistry.Files {
	t.Helper()
	r := new(protoregistry.Files)
next:
	for _, file := range files {
		for _, path := range without {
			if path == file.Path() {
				continue next
			}
		}
		require.NoError(t, r.RegisterFile(file))
	}
	return r
}

// descriptorSet is the wire form of files, in their order.
func descriptorSet(t testing.TB, files ...protoreflect.FileDescriptor) []byte {
	t.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	for _, file := range files {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	wire, err := proto.Marshal(set)
	require.NoError(t, err)
	return wire
}

// serveGRPC runs a server at an address until the test ends, or until the returned function is called, and gives the
// address that it got.
func serveGRPC(t *testing.T, address string, register func(*grpc.Server)) (got string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := grpc.NewServer()
	register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener); close(done) }()
	stop = func() {
		server.Stop()
		if err := <-done; !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
			require.NoError(t, err)
		}
	}
	t.Cleanup(stop)
	return listener.Addr().String(), stop
}

// connect dials a server until the test ends, and checks then that no goroutine is left that was started since.
func connect(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}
