package local

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is the path of the built bridge. Main sets it.
var program string

// Main builds the bridge from this repository, runs the tests of a package, and exits. A package whose tests start the bridge
// calls it in TestMain. If GRPCSSE_PROGRAM is the path of a bridge, the tests use that one.
func Main(m *testing.M) {
	if program = os.Getenv("GRPCSSE_PROGRAM"); program != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "grpcsse-deploy-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "grpcsse")
	if out, err := exec.Command("go", "build", "-C", Repository(), "-o", program, "./cmd/grpcsse").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%s\n%s", err, out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
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
}

// Start starts the bridge, and waits until it serves /tape.
func (b *Bridge) Start(t *testing.T) {
	t.Helper()
	b.Process = Start(t, program, "serve", "--strict", "--config", b.File, "--listen", b.Address)
	AwaitServer(t, b.Address)
}

// AwaitServer waits until an HTTP server answers a request for /tape with 200.
func AwaitServer(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: time.Second}
	require.Eventually(t, func() bool {
		response, err := client.Head("http://" + address + "/tape")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, Soon, 20*time.Millisecond, "no server at %s", address)
}
