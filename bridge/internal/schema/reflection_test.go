package schema

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha" //nolint:staticcheck // older servers have only this
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// services is a list of names as a reflection service wants it.
type services []string

func (s services) GetServiceInfo() map[string]grpc.ServiceInfo {
	info := map[string]grpc.ServiceInfo{}
	for _, name := range s {
		info[name] = grpc.ServiceInfo{}
	}
	return info
}

// reflecting makes grpc-go's own reflection show files and services.
func reflecting(files *protoregistry.Files, names ...string) func(*grpc.Server) {
	return func(server *grpc.Server) {
		reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{
			Services: services(names), DescriptorResolver: files, ExtensionResolver: new(protoregistry.Types),
		}))
	}
}

// answers is a reflection service that says whatever a test wants.
type answers func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error)

func (a answers) ServerReflectionInfo(stream reflectionv1.ServerReflection_ServerReflectionInfoServer) error {
	for {
		question, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := a(question)
		if err != nil {
			return err
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func (a answers) register(server *grpc.Server) {
	reflectionv1.RegisterServerReflectionServer(server, a)
}

func listing(names ...string) *reflectionv1.ServerReflectionResponse {
	list := new(reflectionv1.ListServiceResponse)
	for _, name := range names {
		list.Service = append(list.Service, &reflectionv1.ServiceResponse{Name: name})
	}
	return &reflectionv1.ServerReflectionResponse{
		MessageResponse: &reflectionv1.ServerReflectionResponse_ListServicesResponse{ListServicesResponse: list},
	}
}

func describing(files ...[]byte) *reflectionv1.ServerReflectionResponse {
	return &reflectionv1.ServerReflectionResponse{
		MessageResponse: &reflectionv1.ServerReflectionResponse_FileDescriptorResponse{
			FileDescriptorResponse: &reflectionv1.FileDescriptorResponse{FileDescriptorProto: files},
		},
	}
}

func refusing(code codes.Code, message string) *reflectionv1.ServerReflectionResponse {
	return &reflectionv1.ServerReflectionResponse{
		MessageResponse: &reflectionv1.ServerReflectionResponse_ErrorResponse{
			ErrorResponse: &reflectionv1.ErrorResponse{ErrorCode: int32(code), ErrorMessage: message},
		},
	}
}

func wireOf(t testing.TB, file protoreflect.FileDescriptor) []byte {
	t.Helper()
	wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(file))
	require.NoError(t, err)
	return wire
}

// oneByOne is a reflection that gives each file without its imports, and has no more than these files.
func oneByOne(t *testing.T, files *protoregistry.Files, names ...string) func(*grpc.Server) {
	return answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetListServices() != "" {
			return listing(names...), nil
		}
		file, err := files.FindFileByPath(q.GetFileByFilename())
		if d, err := files.FindDescriptorByName(protoreflect.FullName(q.GetFileContainingSymbol())); err == nil {
			return describing(wireOf(t, d.ParentFile())), nil
		}
		if err != nil {
			return refusing(codes.NotFound, "not here"), nil
		}
		return describing(wireOf(t, file)), nil
	}).register
}

// reflect reads the schema of a server that lives for the test.
func reflect(t *testing.T, register func(*grpc.Server)) (*Snapshot, error) {
	t.Helper()
	address, _ := serveGRPC(t, "127.0.0.1:0", register)
	return FromReflection(t.Context(), connect(t, address))
}

func TestFromReflectionOfBothVersions(t *testing.T) {
	hashes := map[string]bool{}
	for name, register := range map[string]func(*grpc.Server){
		"v1 and v1alpha": func(server *grpc.Server) { reflection.Register(server) },
		"v1":             func(server *grpc.Server) { reflection.RegisterV1(server) },
		"v1alpha": func(server *grpc.Server) {
			reflectionv1alpha.RegisterServerReflectionServer(server, reflection.NewServer(reflection.ServerOptions{Services: server}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := reflect(t, func(server *grpc.Server) {
				streamv1.RegisterStreamServiceServer(server, streamv1.UnimplementedStreamServiceServer{})
				register(server)
			})
			require.NoError(t, err)
			require.Len(t, s.Streaming(), 1)
			md, err := s.Method("test.stream.v1.StreamService", "Watch")
			require.NoError(t, err)
			assert.Equal(t, s.Streaming()[0], md)
			var wrong *NotServerStreaming
			_, err = s.Method("test.stream.v1.StreamService", "Chat")
			require.ErrorAs(t, err, &wrong)
			require.Empty(t, s.Broken())
			hashes[s.Hash()] = true
		})
	}
	assert.Len(t, hashes, 3, "the reflection service is one of the services")
}

func TestFromReflectionOffersOnlyListedServices(t *testing.T) {
	files := compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message M {} service S { rpc R(M) returns (stream M); } service T { rpc R(M) returns (stream M); }`,
	})
	s, err := reflect(t, reflecting(registry(t, files), "a.S"))
	require.NoError(t, err)
	assert.True(t, s.HasService("a.S"))
	assert.False(t, s.HasService("a.T"))
}

func TestFromReflectionImportsThatTheServerLacks(t *testing.T) {
	sources := map[string]string{
		"options.proto": `syntax="proto3"; package options; import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { string rule = 50000; }`,
		"types.proto":   `syntax="proto3"; package types; message T {}`,
		"known.proto": `syntax="proto3"; package known; import "google/protobuf/timestamp.proto"; import "google/rpc/status.proto";
			message M { google.protobuf.Timestamp t = 1; google.rpc.Status s = 2; } service S { rpc R(M) returns (stream M); }`,
		"optional.proto": `syntax="proto3"; package optional; import "options.proto";
			message M { string a = 1 [(options.rule) = "x"]; } service S { rpc R(M) returns (stream M); }`,
		"needed.proto": `syntax="proto3"; package needed; import "types.proto"; message M { types.T t = 1; } service S { rpc R(M) returns (stream M); }`,
	}
	files := compileFiles(t, sources)
	shown := registry(t, files, "options.proto", "types.proto", "google/protobuf/timestamp.proto", "google/rpc/status.proto")
	s, err := reflect(t, oneByOne(t, shown, "known.S", "optional.S", "needed.S"))
	require.NoError(t, err)

	md, err := s.Method("known.S", "R")
	require.NoError(t, err, "linked into the program")
	assert.False(t, md.Output().Fields().ByName("t").Message().IsPlaceholder())
	_, err = s.Method("optional.S", "R")
	require.NoError(t, err, "only an option, and so not needed")

	_, err = s.Method("needed.S", "R")
	var broken *BrokenService
	require.ErrorAs(t, err, &broken)
	assert.Contains(t, err.Error(), "service needed.S")
	assert.Contains(t, err.Error(), "types.proto")
	assert.Contains(t, err.Error(), "schema.descriptor_set")
	assert.NotContains(t, err.Error(), "\n")
	assert.True(t, s.HasService("needed.S"), "the server does offer it")
	assert.Equal(t, []*BrokenService{broken}, s.Broken())
	assert.Len(t, s.Streaming(), 2)
}

func TestFromReflectionBrokenServices(t *testing.T) {
	good := compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message M {} service S { rpc R(M) returns (stream M); }`,
	})[0]
	unlinkable, err := proto.Marshal(&descriptorpb.FileDescriptorProto{
		Name: proto.String("u.proto"), Package: proto.String("u"),
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: proto.String("R"), InputType: proto.String(".u.Gone"), OutputType: proto.String(".u.Gone")},
		}}},
	})
	require.NoError(t, err)
	bad := map[string]func() (*reflectionv1.ServerReflectionResponse, error){
		"bad.Unknown": func() (*reflectionv1.ServerReflectionResponse, error) {
			return refusing(codes.NotFound, "no such symbol"), nil
		},
		"bad.Unavailable": func() (*reflectionv1.ServerReflectionResponse, error) {
			return refusing(codes.Unavailable, "not now"), nil
		},
		"bad.NoFiles":     func() (*reflectionv1.ServerReflectionResponse, error) { return describing(), nil },
		"bad.OtherFile":   func() (*reflectionv1.ServerReflectionResponse, error) { return describing(wireOf(t, good)), nil },
		"bad.Garbage":     func() (*reflectionv1.ServerReflectionResponse, error) { return describing([]byte{0xff, 0xff}), nil },
		"bad.WrongAnswer": func() (*reflectionv1.ServerReflectionResponse, error) { return listing(), nil },
		"bad.Crash": func() (*reflectionv1.ServerReflectionResponse, error) {
			return nil, status.Error(codes.Internal, "crash")
		},
		"u.S":        func() (*reflectionv1.ServerReflectionResponse, error) { return describing(unlinkable), nil },
		"a.M":        func() (*reflectionv1.ServerReflectionResponse, error) { return describing(wireOf(t, good)), nil },
		"not a name": nil,
		"":           nil,
	}
	names := append(slices.Sorted(maps.Keys(bad)), "a.S", "a.S")
	s, err := reflect(t, answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetListServices() != "" {
			return listing(names...), nil
		}
		if answer := bad[q.GetFileContainingSymbol()]; answer != nil {
			return answer()
		}
		return describing(wireOf(t, good)), nil
	}).register)
	require.NoError(t, err)
	_, err = s.Method("a.S", "R")
	require.NoError(t, err)
	require.Len(t, s.Broken(), len(bad))
	for _, broken := range s.Broken() {
		_, err := s.Method(broken.Service, "R")
		require.Same(t, broken, err)
		require.ErrorContains(t, err, "service "+broken.Service)
	}
	require.Len(t, s.Streaming(), 1)
}

func TestFromReflectionErrors(t *testing.T) {
	list := func(answer *reflectionv1.ServerReflectionResponse, err error) func(*grpc.Server) {
		return answers(func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
			return answer, err
		}).register
	}
	tests := map[string]struct {
		register func(*grpc.Server)
		code     codes.Code
		want     []string
	}{
		"no reflection": {
			func(*grpc.Server) {}, codes.Unimplemented,
			[]string{"the server has no reflection", "enable it there", "schema.descriptor_set"},
		},
		"refused": {
			list(nil, status.Error(codes.PermissionDenied, "not you")), codes.PermissionDenied,
			[]string{"refuses it (not you)", "metadata"},
		},
		"no list":      {list(describing(), nil), codes.Unknown, []string{"ListServiceResponse"}},
		"broken":       {list(nil, status.Error(codes.Internal, "oh dear")), codes.Internal, []string{"answers Internal: oh dear"}},
		"error inside": {list(refusing(codes.OK, "fine"), nil), codes.Unknown, []string{"fine"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := reflect(t, test.register)
			require.Equal(t, test.code, status.Code(err))
			for _, want := range append(test.want, "schema by reflection: ") {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestFromReflectionServerDown(t *testing.T) {
	listener, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = FromReflection(t.Context(), connect(t, listener.Addr().String()))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "the server cannot be reached")
	require.ErrorContains(t, err, "connection refused")
}

func TestFromReflectionEndsWithTheContext(t *testing.T) {
	address, _ := serveGRPC(t, "127.0.0.1:0", answers(func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		<-t.Context().Done() // says nothing for as long as the test runs
		return nil, status.Error(codes.Aborted, "over")
	}).register)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := FromReflection(ctx, connect(t, address))
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
}

// A connection that fails halfway is no property of the services that were not asked for yet.
func TestFromReflectionConnectionLostHalfway(t *testing.T) {
	_, err := reflect(t, func(server *grpc.Server) {
		answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
			if q.GetListServices() != "" {
				return listing("a.S"), nil
			}
			go server.Stop()
			<-t.Context().Done()
			return nil, nil
		}).register(server)
	})
	require.ErrorContains(t, err, "the server cannot be reached")
}
