package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestFilesAreThoseThatAConfigurationIsMadeOf(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{
		"main.yaml": `
include: ["more/*.yaml"]
server: {tls: {cert_file: tls.crt, key_file: tls.key}}
upstreams:
  a: {target: "a:1", schema: {descriptor_set: set.binpb}, metadata: {x-renewed_file: token}, tls: {ca_file: ca.pem}}
  b: {target: "b:1", schema: {proto: {files: ["x/**/*.proto"], import_paths: [proto, /usr/include]}}}
`,
		"more/one.yaml": "routes: [{path: /a, upstream: a, rpc: a.B/C, metadata: {set: {x-own_file: ../token}}}]\n",
		"token":         "secret",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(at(name)), 0o700))
		require.NoError(t, os.WriteFile(at(name), []byte(content), 0o600))
	}
	var files config.Files
	_, err := config.Load(at("main.yaml"), config.WithFiles(&files))
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{at("main.yaml"), at("more/one.yaml"), at("set.binpb"), at("token")}, files.Names)
	assert.Equal(t, []string{at("more/*.yaml")}, files.Patterns)
	assert.Equal(t, []string{at("proto"), "/usr/include"}, files.ImportPaths)

	require.NoError(t, os.WriteFile(at("more/two.yaml"), []byte("{"), 0o600))
	files = config.Files{}
	_, err = config.Load(at("main.yaml"), config.WithFiles(&files))
	require.Error(t, err)
	assert.Contains(t, files.Names, at("more/two.yaml"), "the file that must be mended")

	files = config.Files{}
	_, err = config.Load(at("none.yaml"), config.WithFiles(&files))
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Equal(t, []string{at("none.yaml")}, files.Names)
	_, err = config.Load(at("main.yaml"), config.WithFiles(nil))
	require.Error(t, err)
}
