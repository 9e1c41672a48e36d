//go:build unix

package bridge_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// fileKeys are the keys of a configuration that name a file which New and Reload read. FILE stands for its name, and ADDR for the
// address of a server.
func fileKeys() map[string]string {
	upstream := func(settings string) string {
		return "upstreams: {test: {target: ADDR, " + settings + "}}\nroutes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]\n"
	}
	return map[string]string{
		"include":             "include: [FILE]\n" + upstream("annotations: false"),
		"ca_file":             upstream("tls: {ca_file: FILE}"),
		"cert_file, key_file": upstream("tls: {cert_file: FILE, key_file: FILE}"),
		"metadata file":       upstream("metadata: {authorization_file: FILE}"),
		"descriptor_set":      upstream("schema: {descriptor_set: FILE}"),
		"proto.files":         upstream("schema: {proto: {files: [BASE], import_paths: [DIR]}}"),
		"proto pattern":       upstream("schema: {proto: {files: ['**/BASE'], import_paths: [DIR]}}"),
		"jwks_file":           upstream("annotations: false") + "auth: {jwt: {corp: {audience: [web], jwks_file: FILE}}}\n",
		"the file itself":     "",
	}
}

// A name in a configuration may lead to anything. A reload refuses what is no regular file or has no end, with the reason, and does
// not wait for it.
func TestAReloadReadsOnlyRegularFilesWithAnEnd(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, fileOf("path: /a, open_wait: 1ms"))
	before := listed(f.bridge)
	dir := t.TempDir()
	endless := filepath.Join(dir, "endless.proto")
	require.NoError(t, os.WriteFile(endless, nil, 0o600))
	require.NoError(t, os.Truncate(endless, 1<<40)) // 1 TiB of zeros, which take no place
	pipe := filepath.Join(dir, "pipe.proto")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	zero := filepath.Join(dir, "zero.proto")
	require.NoError(t, os.Symlink("/dev/zero", zero))
	for key, text := range fileKeys() {
		for path, says := range map[string]string{
			endless: "expected|too long|longer", pipe: "is a pipe: expected a regular file|finds no file",
			zero: "is a device: expected a regular file|finds no file",
		} {
			t.Run(key+" "+filepath.Base(path), func(t *testing.T) {
				done := make(chan error, 1)
				go func() { done <- reloadFile(t, f.bridge, s.addr, text, path) }()
				select {
				case err := <-done:
					require.Error(t, err)
					assert.Regexp(t, says, err.Error())
					assert.Less(t, len(err.Error()), 2000)
				case <-time.After(20 * time.Second):
					require.FailNow(t, "the reload waits for a file, or reads without end")
				}
				assert.Equal(t, before, listed(f.bridge))
			})
		}
	}
}

// reloadFile gives a bridge the configuration in which a key names the file at path. Where text is "", the configuration itself is
// at path.
func reloadFile(t *testing.T, b *bridge.Bridge, addr, text, path string) error {
	main := path
	if text != "" {
		main = filepath.Join(t.TempDir(), "grpcsse.yaml")
		text = strings.NewReplacer("FILE", path, "BASE", filepath.Base(path), "DIR", filepath.Dir(path), "ADDR", addr).Replace(text)
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			return err
		}
	}
	cfg, err := config.Load(main)
	if err != nil {
		return err
	}
	cfg.Server.IOUring = ioUring(t)
	return b.Reload(t.Context(), cfg)
}
