//go:build unix

package localfile_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
)

// inTime calls read, and fails where it does not return: opening a pipe would wait for a writer.
func inTime[T any](t *testing.T, read func() (T, error)) (T, error) {
	t.Helper()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() { v, err := read(); done <- result{v, err} }()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(10 * time.Second):
		require.FailNow(t, "reading a file waits for something")
	}
	panic("unreachable")
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // the path of a socket has a low limit
	require.NoError(t, os.Mkdir("directory", 0o700))
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	socket, err := net.Listen("unix", "socket")
	require.NoError(t, err)
	defer func() { _ = socket.Close() }()
	require.NoError(t, os.Symlink("pipe", "link to a pipe"))
	for path, kind := range map[string]string{
		"directory": "is a directory", "pipe": "is a pipe: expected a regular file", "socket": "is a socket: expected a regular file",
		"link to a pipe": "is a pipe: expected a regular file", "/dev/zero": "is a device: expected a regular file",
		"/dev/null": "is a device: expected a regular file",
	} {
		for name, read := range map[string]func() ([]byte, error){
			"Read":    func() ([]byte, error) { return localfile.Read(path, 10) },
			"Open":    func() ([]byte, error) { _, err := localfile.Open(path, 10); return nil, err },
			"ReadPEM": func() ([]byte, error) { return localfile.ReadPEM(path) },
			"KeyPair": func() ([]byte, error) { _, err := localfile.KeyPair(path, path); return nil, err },
		} {
			data, err := inTime(t, read)
			assert.Empty(t, data)
			var at *fs.PathError
			require.ErrorAs(t, err, &at, "%s of %s", name, path)
			assert.Equal(t, path, at.Path)
			var wrong *localfile.KindError
			require.ErrorAs(t, err, &wrong, "%s of %s", name, path)
			assert.Equal(t, kind, wrong.Error())
		}
	}
	_, err = localfile.Read("absent", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAReadHasABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	link := path + " link"
	require.NoError(t, os.Symlink(path, link))
	for _, size := range []int{0, 1, 511, 512, 513, 4096, 100_000} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i)
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
		data, err := localfile.Read(link, int64(size))
		require.NoError(t, err)
		assert.Equal(t, content, append([]byte{}, data...))
		if size == 0 {
			continue
		}
		data, err = localfile.Read(path, int64(size-1))
		require.ErrorIs(t, err, localfile.ErrTooLong)
		assert.Equal(t, content[:size-1], append([]byte{}, data...), "the beginning")
	}
	// A file that is 1 TiB long takes no memory, on the disk or here.
	require.NoError(t, os.Truncate(path, 1<<40))
	_, err := localfile.Read(path, 100)
	require.ErrorIs(t, err, localfile.ErrTooLong)
	_, err = localfile.ReadPEM(path)
	require.ErrorIs(t, err, localfile.ErrTooLong)

	f, err := localfile.Open(path, 10)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	for range 2 { // the bound also holds for a reader that goes on after the error
		_, err = io.ReadAll(f)
		require.ErrorIs(t, err, localfile.ErrTooLong)
	}
	require.False(t, errors.Is(err, io.EOF))
}

func TestNoErrorOfAKeyPairShowsTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("-----BEGIN SECRET-----\nc2VjcmV0\n-----END SECRET-----\n"), 0o600))
	_, err := localfile.KeyPair(path, path)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "c2VjcmV0")
}
