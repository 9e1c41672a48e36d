package schema

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFromProtoErrors(t *testing.T) {
	tests := map[string]struct {
		files, importPaths []string
		want               []string
	}{
		"no file": {nil, nil, []string{"expected at least one file"}},
		"missing file": {
			[]string{"market/v2/market.proto"}, []string{"testdata/proto", "testdata/broken"},
			[]string{"market/v2/market.proto is in none of the import paths testdata/proto, testdata/broken"},
		},
		"missing import": {
			[]string{"missing.proto"}, []string{"testdata/broken"},
			[]string{"missing.proto:6:8: ", "nowhere/to/be/found.proto is in none of the import paths testdata/broken"},
		},
		"several mistakes": {
			[]string{"mistakes.proto"}, []string{"testdata/broken"},
			[]string{"mistakes.proto:6:3: ", "unknown type Unknown", "mistakes.proto:7:3: ", "unknown type Unheard"},
		},
		"a directory": {[]string{"proto"}, []string{"testdata"}, []string{"directory"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := FromProto(t.Context(), test.files, test.importPaths)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// A file may be named by its absolute path, where that is in an import path. It is the same file as the one that others import.
func TestFromProtoTakesAbsoluteFilesInAnImportPath(t *testing.T) {
	dir := t.TempDir()
	write := func(path, source string) string {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(source), 0o600))
		return path
	}
	message := write("protos/a/m.proto", `syntax="proto3"; package a; message M {}`)
	service := write("protos/a/s.proto", `syntax="proto3"; package a; import "a/m.proto"; service S { rpc R(M) returns (stream M); }`)
	outside := write("others/o.proto", `syntax="proto3"; package o; message M {}`)
	s, err := FromProto(t.Context(), []string{service, message}, []string{filepath.Join(dir, "none"), filepath.Join(dir, "protos")})
	require.NoError(t, err)
	md, err := s.Method("a.S", "R")
	require.NoError(t, err)
	assert.Equal(t, "a/s.proto", md.ParentFile().Path())

	t.Chdir(dir)
	_, err = FromProto(t.Context(), []string{service}, []string{"protos"})
	require.NoError(t, err, "the import path may be relative")
	_, err = FromProto(t.Context(), []string{filepath.Join(dir, "protos/**/*.proto")}, []string{"protos"})
	require.NoError(t, err, "a pattern may be absolute too")
	_, err = FromProto(t.Context(), []string{outside}, []string{"protos"})
	require.ErrorContains(t, err, outside+" is in none of the import paths protos: expected the name")
}

func TestFromProtoPrefersTheUsersFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(path, source string) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(source), 0o600))
	}
	write("google/rpc/status.proto", `syntax="proto3"; package google.rpc; message Status { string own = 9; }`)
	write("a.proto", `syntax="proto3"; package a; import "google/rpc/status.proto"; service S { rpc R(google.rpc.Status) returns (stream google.rpc.Status); }`)
	s, err := FromProto(t.Context(), []string{"a.proto"}, []string{dir})
	require.NoError(t, err)
	md, err := s.Method("a.S", "R")
	require.NoError(t, err)
	assert.NotNil(t, md.Output().Fields().ByName("own"))
	mt, err := s.Types("").FindMessageByName("google.rpc.Status")
	require.NoError(t, err)
	assert.NotNil(t, mt.Descriptor().Fields().ByName("own"))
}

func TestFromProtoEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := FromProto(ctx, []string{"market/v1/market.proto"}, []string{"testdata/proto"})
	require.ErrorIs(t, err, context.Canceled)
}
