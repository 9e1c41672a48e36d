package describe_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// testTypes returns message types that together have every feature of protobuf. With CONFORMANCE_PROTOS, the directory of the
// .proto files of the official conformance suite, they include the types of the suite.
func testTypes(t *testing.T) []protoreflect.MessageDescriptor {
	t.Helper()
	var types []protoreflect.MessageDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		transcodev1.File_test_transcode_v1_proto3_proto, transcodev1.File_test_transcode_v1_proto2_proto,
		transcodev1.File_test_transcode_v1_edition2023_proto, transcodev1.File_test_transcode_v1_shapes_proto,
		bindv1.File_test_bind_v1_bind_proto, descriptorpb.File_google_protobuf_descriptor_proto,
	} {
		for i := range file.Messages().Len() {
			types = append(types, file.Messages().Get(i))
		}
	}
	return append(types, conformanceTypes(t)...)
}

func conformanceTypes(t *testing.T) (types []protoreflect.MessageDescriptor) {
	t.Helper()
	dir := os.Getenv("CONFORMANCE_PROTOS")
	if dir == "" {
		return nil
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}})}
	for _, name := range []string{"proto2", "proto3", "proto2_editions", "proto3_editions", "edition2023"} {
		files, err := compiler.Compile(context.Background(), "google/protobuf/test_messages_"+name+".proto")
		require.NoError(t, err)
		before := len(types)
		for i := range files[0].Messages().Len() {
			if md := files[0].Messages().Get(i); strings.HasPrefix(string(md.Name()), "TestAllTypes") {
				types = append(types, md)
			}
		}
		require.Greater(t, len(types), before, name)
	}
	return types
}
