package schema

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestFromDescriptorSet(t *testing.T) {
	files := importsOf([]protoreflect.FileDescriptor{streamv1.File_test_stream_v1_stream_proto})
	sets := map[string][]byte{
		"with its imports":    descriptorSet(t, files...),
		"without well-knowns": descriptorSet(t, streamv1.File_test_stream_v1_stream_proto),
	}
	hashes := map[string]bool{}
	for name, wire := range sets {
		path := filepath.Join(t.TempDir(), "set.binpb")
		require.NoError(t, os.WriteFile(path, wire, 0o600))
		s, err := FromDescriptorSet(path)
		require.NoError(t, err, name)
		md, err := s.Method("test.stream.v1.StreamService", "Watch")
		require.NoError(t, err, name)
		assert.Equal(t, protoreflect.FullName("test.stream.v1.Event"), md.Output().FullName())
		hashes[s.Hash()] = true
	}
	assert.Len(t, hashes, 1)
}

func TestFromDescriptorSetErrors(t *testing.T) {
	market := compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; import "b.proto"; import "c.proto"; message M { b.M b = 1; c.M c = 2; }`,
		"b.proto": `syntax="proto3"; package b; message M {}`,
		"c.proto": `syntax="proto3"; package c; message M {}`,
	}, "a.proto")
	cyclic := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		{Name: proto.String("a.proto"), Dependency: []string{"b.proto"}},
		{Name: proto.String("b.proto"), Dependency: []string{"a.proto"}},
	}}
	wire, err := proto.Marshal(cyclic)
	require.NoError(t, err)
	tests := map[string]struct {
		wire []byte
		want []string
	}{
		"empty":          {nil, []string{"found no files", "buf build"}},
		"another format": {[]byte(`{"file": []}`), []string{"expected a FileDescriptorSet, found no files in it", "buf build"}},
		"missing imports": {descriptorSet(t, market[0]), []string{
			"missing b.proto, which a.proto imports; c.proto, which a.proto imports", "--include_imports",
		}},
		"a file twice":   {descriptorSet(t, market[1], market[1]), []string{"expected valid descriptors", "b.proto"}},
		"imports itself": {wire, []string{"expected valid descriptors", "import cycle"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "set.binpb")
			require.NoError(t, os.WriteFile(path, test.wire, 0o600))
			_, err := FromDescriptorSet(path)
			for _, want := range append(test.want, path) {
				require.ErrorContains(t, err, want)
			}
		})
	}
	_, err = FromDescriptorSet("testdata/nowhere.binpb")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestManyMissingImportsAreCut(t *testing.T) {
	_, err := link([]*descriptorpb.FileDescriptorProto{{
		Name:       proto.String("a.proto"),
		Dependency: []string{"1", "2", "3", "4", "5", "6", "7"},
	}})
	require.ErrorContains(t, err, "5, which a.proto imports and 2 more")
}

func FuzzDescriptorSet(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(descriptorSet(f, streamv1.File_test_stream_v1_stream_proto))
	f.Add(descriptorSet(f, compileFiles(f, map[string]string{
		"a.proto": `syntax="proto2"; package a; import "google/protobuf/any.proto"; message M { extensions 5 to max; optional group G = 1 { map<int32, M> m = 2; } enum E { Z = 3; } optional E e = 4 [default = Z]; }
			extend M { optional string s = 5; } service S { rpc R(M) returns (stream google.protobuf.Any); }`,
	})...))
	f.Add(descriptorSet(f, compileFiles(f, map[string]string{
		"e.proto": `edition = "2023"; package e; message M { int32 a = 1 [features.field_presence = IMPLICIT]; M b = 2 [features.message_encoding = DELIMITED]; oneof o { string c = 3; bytes d = 4; } }`,
	})...))
	f.Add([]byte(`{"file": [{"name": "a.proto", "package": "a", "messageType": [{"name": "M", "options": {"[own.option]": 1}}]}]}`))
	f.Add(gzipped(f, descriptorSet(f, streamv1.File_test_stream_v1_stream_proto)))
	f.Fuzz(func(t *testing.T, wire []byte) {
		s, err := parseDescriptorSet(wire)
		if err != nil {
			return
		}
		for _, md := range s.Streaming() {
			_, err := s.Method(string(md.Parent().FullName()), string(md.Name()))
			require.NoError(t, err)
		}
		again, err := parseDescriptorSet(wire)
		require.NoError(t, err)
		require.Equal(t, s.Hash(), again.Hash())
		_, _ = s.Types("").FindMessageByURL("type.googleapis.com/a.M")
		_, _ = s.Types("").FindExtensionByNumber("a.M", 5)
	})
}
