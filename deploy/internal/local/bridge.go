package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/build"
)

// program is the path of the built bridge. Main sets it.
var program string

// Main builds the bridge from this repository as releases have it, runs the tests of a package, and exits. A package whose tests
// start or build the bridge calls it in TestMain. If GRPCSSE_PROGRAM is the path of a bridge, the tests use that one.
func Main(m *testing.M) {
	if program = os.Getenv("GRPCSSE_PROGRAM"); program != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "grpcsse-deploy-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "grpcsse")
	if err := buildOnce(program); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// buildOnce builds the bridge. The tests of several packages run at the same time. One of them compiles, and the others wait and find
// what it has compiled in Go's cache.
func buildOnce(file string) (err error) {
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "grpcsse-deploy.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // this gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return build.Program(context.Background(), Repository(), build.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}, file)
}

// Repository returns the root of the repository.
func Repository() string {
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cmd/grpcsse/main.go")); err == nil {
			return dir
		}
	}
	panic("the working directory of a test is in the repository")
}

// Program returns the path of the built bridge.
func Program() string { return program }

// File writes a file for a test, and returns its path.
func File(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Bridge is a bridge in a process of its own, which can be started again.
type Bridge struct {
	*Process

	File, Address string
	Health        string // the address of server.health in the file
}

// Start starts the bridge, and waits until it is ready and each of its routes is in order.
func (b *Bridge) Start(t *testing.T) {
	t.Helper()
	b.Process = Start(t, program, "serve", "--strict", "--config", b.File, "--listen", b.Address)
	Await(t, "http://"+b.Health+"/readyz")
}
