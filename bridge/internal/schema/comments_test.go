package schema

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// TestCommentsSurvive reads the comments of a .proto file, from the file itself and from a descriptor set of it. The comments are
// no part of what a schema is.
func TestCommentsSurvive(t *testing.T) {
	dir := t.TempDir()
	read := func(source string) *Snapshot {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.proto"), []byte(source), 0o600))
		s, err := FromProto(t.Context(), []string{"a.proto"}, []string{dir})
		require.NoError(t, err)
		return s
	}
	bare := read(`syntax="proto3"; package a; message M {} service S { rpc R(M) returns (stream M); }`)
	commented := read("syntax=\"proto3\"; package a; message M {} service S {\n// R has a comment.\nrpc R(M) returns (stream M); }")
	assert.Equal(t, bare.Hash(), commented.Hash())
	assert.Empty(t, commentOf(t, bare))
	assert.Equal(t, " R has a comment.\n", commentOf(t, commented))

	method, err := commented.Method("a.S", "R")
	require.NoError(t, err)
	wire, err := proto.Marshal(&descriptorpb.FileDescriptorSet{
		File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(method.ParentFile())},
	})
	require.NoError(t, err)
	set := filepath.Join(dir, "a.binpb")
	require.NoError(t, os.WriteFile(set, wire, 0o600))
	s, err := FromDescriptorSet(set)
	require.NoError(t, err)
	assert.Equal(t, " R has a comment.\n", commentOf(t, s))
}

func commentOf(t *testing.T, s *Snapshot) string {
	t.Helper()
	method, err := s.Method("a.S", "R")
	require.NoError(t, err)
	return method.ParentFile().SourceLocations().ByDescriptor(protoreflect.Descriptor(method)).LeadingComments
}
