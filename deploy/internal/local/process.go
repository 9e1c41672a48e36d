package local

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Find returns the path of a program of this machine. Without the program the test is skipped, or fails if
// GRPCSSE_REQUIRE_DEPLOYMENT is 1.
func Find(t *testing.T, name, debianPackage string) (path string) {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/bin/" + name} { // /usr/sbin is not in every user's path
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, name, debianPackage)
	return ""
}

// FindFile skips or fails the test as Find does, where there is no file of this path.
func FindFile(t *testing.T, path, debianPackage string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(t, path, debianPackage)
	}
}

// missing ends a test that needs something of a Debian package.
func missing(t *testing.T, what, debianPackage string) {
	t.Helper()
	if os.Getenv("GRPCSSE_REQUIRE_DEPLOYMENT") == "1" {
		t.Fatalf("GRPCSSE_REQUIRE_DEPLOYMENT is 1, and there is no %s on this machine", what)
	}
	t.Skipf("skipped: there is no %s on this machine (Debian: apt-get install %s)", what, debianPackage)
}

// Process is a program that a test started. The methods may be called by one goroutine at a time.
type Process struct {
	command *exec.Cmd
	output  output
	ended   chan struct{} // closed when the process has ended
}

// Start starts a program. It is killed when the test ends unless it has ended before. A failed test shows what the program
// wrote.
func Start(t *testing.T, name string, args ...string) *Process {
	t.Helper()
	return StartIn(t, os.Environ(), name, args...)
}

// StartIn is Start with another environment.
func StartIn(t *testing.T, environment []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{command: exec.CommandContext(context.WithoutCancel(t.Context()), name, args...), ended: make(chan struct{})}
	p.command.Env = environment
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // ExitCode says how it ended
	}()
	t.Cleanup(func() {
		p.End(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.Output())
		}
	})
	return p
}

// ID returns the id of the process.
func (p *Process) ID() int { return p.command.Process.Pid }

// Signal sends a signal to the process.
func (p *Process) Signal(signal syscall.Signal) {
	_ = p.command.Process.Signal(signal) // it may have ended already
}

// End sends a signal, and waits until the process has ended.
func (p *Process) End(signal syscall.Signal) {
	p.Signal(signal)
	<-p.ended
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode returns how the process ended: its code, or -1 for a signal. It waits for the end.
func (p *Process) ExitCode() int {
	<-p.ended
	return p.command.ProcessState.ExitCode()
}

// Output returns what the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// output is a buffer for several goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns what was written.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
