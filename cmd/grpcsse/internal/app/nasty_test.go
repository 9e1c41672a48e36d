package app

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// nastySources are .proto files with what schemas rarely have, and may: recursion, many fields, names that mean something in YAML,
// equal names of services and methods, and comments that try to leave a comment.
func nastySources() map[string]string {
	var fields strings.Builder
	for i := range 200 {
		fmt.Fprintf(&fields, "  // Field %d.\n  string field_%[1]d = %d;\n", i, i+1)
	}
	return map[string]string{
		"nasty.proto": `syntax = "proto3";
package a.v1;
import "google/protobuf/any.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Nothing {}
message Wide {
` + fields.String() + `}
message Tree { string id = 1; Tree left = 2; repeated Tree right = 3; map<string, Tree> named = 4; string after_id = 5; }
message Words {
  string null = 1; bool true = 2; int32 yes = 3; int64 on = 4; string y = 5; string _ = 6; string last_event_id = 7;
  string odd = 8 [json_name = "a: {b}\n- \u2028# ${env.HOME} \"'"];
}
message Keyed {
  int64 yes_sequence = 1; string null_id = 2; oneof on { Tree a = 3; Nothing b = 4; string open = 5; }
  map<int32, google.protobuf.Any> any = 6;
}
message Shadow { int64 sequence = 1 [json_name = "x"]; Kind kind = 2 [json_name = "sequence"]; string at = 3 [json_name = "kind"]; }
message Hidden { string id = 1 [json_name = "z"]; map<string, string> labels = 2 [json_name = "id"]; string topic = 3 [json_name = "t\u001b[2J"]; }
message Snapshots { bytes seq = 1; Kind kind = 2; Tree snapshot = 3; }
enum Kind { KIND_UNSPECIFIED = 0; open = 1; }
// Comment: {a: b} # - "x" 'y' & * ! | > %% @
//   - path: /injected
//
//     rpc: x
service OrderService {
  // A comment that tries to end:
  // ` + "\r  - path: /evil\u2028  - path: /evil2\u2029  - path: /evil3\u0085  - path: /evil4\x1b[2J\x7f" + `
  rpc Watch(Nothing) returns (stream Keyed);
  /* ` + strings.Repeat("endless ", 20_000) + strings.Repeat("x", 5000) + ` */
  rpc WatchWide(Wide) returns (stream Wide);
  rpc StreamWide(Wide) returns (stream Wide);
  rpc Tree(.a.v1.Tree) returns (stream .a.v1.Tree);
  rpc SubscribeToWords(Words) returns (stream Words) { option deprecated = true; }
  rpc WatchSnapshots(Words) returns (stream Snapshots);
  rpc Empties(google.protobuf.Empty) returns (stream google.protobuf.Empty);
  rpc Structs(google.protobuf.Struct) returns (stream google.protobuf.Struct);
  rpc Texts(google.protobuf.StringValue) returns (stream google.protobuf.StringValue);
  rpc Anys(google.protobuf.Any) returns (stream google.protobuf.Any);
  rpc Times(google.protobuf.Timestamp) returns (stream google.protobuf.Timestamp);
  rpc null(Nothing) returns (stream Nothing);
  rpc _(Nothing) returns (stream Nothing);
  rpc WatchShadow(Hidden) returns (stream Shadow);
  rpc Unary(Nothing) returns (Nothing);
}
service null { rpc true(Nothing) returns (stream Nothing); rpc Orders(Nothing) returns (stream Nothing); }
`,
		"twin.proto": `syntax = "proto2";
package b.v1;
message Old { optional string name = 1; optional group Part = 2 { optional int32 id = 1; } extensions 100 to 200; }
service OrderService { rpc Watch(Old) returns (stream Old); rpc Tree(Old) returns (stream Old); }
`,
		"bare.proto": `syntax = "proto3"; message M { string id = 1; } service order { rpc watch(M) returns (stream M); rpc Orders(M) returns (stream M); }`,
	}
}

// compileNasty compiles .proto sources, with their comments.
func compileNasty(t *testing.T, sources map[string]string) *protoregistry.Files {
	t.Helper()
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
			&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)},
			protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) { // google/api and grpcsse/v1
				file, err := protoregistry.GlobalFiles.FindFileByPath(path)
				return protocompile.SearchResult{Desc: file}, err
			}),
		}),
	}
	files := new(protoregistry.Files)
	for name := range sources {
		compiled, err := compiler.Compile(t.Context(), name)
		require.NoError(t, err)
		require.NoError(t, files.RegisterFile(compiled[0]))
		for i := range compiled[0].Imports().Len() {
			_ = files.RegisterFile(compiled[0].Imports().Get(i).FileDescriptor) // it may be there already
		}
	}
	return files
}

// listed are the services of files, for reflection.
type listed struct{ *protoregistry.Files }

func (s listed) GetServiceInfo() map[string]grpc.ServiceInfo {
	names := map[string]grpc.ServiceInfo{}
	s.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			names[string(file.Services().Get(i).FullName())] = grpc.ServiceInfo{}
		}
		return true
	})
	return names
}

// startNasty starts a server for the services of files, with reflection, and returns its address. Each stream has one empty message,
// and ends with the call.
func startNasty(t *testing.T, files *protoregistry.Files, options ...grpc.ServerOption) string {
	t.Helper()
	server := grpc.NewServer(append(options, grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		empty := dynamicpb.NewMessage((&reflectionv1.ServerReflectionRequest{}).ProtoReflect().Descriptor())
		if err := stream.SendMsg(empty); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	}))...)
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{
		Services: listed{files}, DescriptorResolver: files,
	}))
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-stopped)
	})
	return listener.Addr().String()
}
