//go:build unix

package main

import (
	"bytes"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// told is what a program says. It may be read while the program runs.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *told) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(o.String(), text) }, soon, time.Millisecond, text)
}

// startServing starts `grpcsse serve`, and kills it at the end of the test.
func startServing(t *testing.T, args ...string) (command *exec.Cmd, said *told) {
	t.Helper()
	said = new(told)
	command = exec.CommandContext(t.Context(), "grpcsse", append([]string{"serve"}, args...)...)
	command.Stdout, command.Stderr = said, said
	require.NoError(t, command.Start())
	t.Cleanup(func() { (&process{command: command}).end(syscall.SIGKILL) })
	return command, said
}

// A hangup asks for a reload. It must not end the program while the program is busy with something else.
func TestAHangupWhileTheProgramStartsDoesNotEndIt(t *testing.T) {
	file := writeFile(t, `server: {listen: "127.0.0.1:0", access_log: off}`, startSilent(t))
	command, said := startServing(t, "--config", file, "--strict", "--timeout", "1s")
	said.await(t, "reading the schema by reflection")
	require.NoError(t, command.Process.Signal(syscall.SIGHUP))
	_ = command.Wait()
	assert.Positive(t, command.ProcessState.ExitCode(), "the program ends by itself, since its upstream does not answer: %s", said.String())
}

func TestAHangupDuringADrainCutsNoStream(t *testing.T) {
	address := freePort(t)
	file := writeFile(t, `server: {listen: "`+address+`", drain_timeout: 2s, access_log: off}`, startMarket(t))
	command, said := startServing(t, "--config", file)
	awaitServer(t, address)
	held, _, err := openBrowser(t, "http://"+address+"/tape")
	require.NoError(t, err)
	defer func() { _ = held.body.Close() }()
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	said.await(t, "ending all streams")
	require.NoError(t, command.Process.Signal(syscall.SIGHUP))
	last, err := held.next(`data: {"code":14`)
	require.NoError(t, err)
	assert.Contains(t, last, `"reason":"drain"`)
	_ = command.Wait()
	assert.Zero(t, command.ProcessState.ExitCode(), said.String())
}

// startSilent listens, and answers nothing.
func startSilent(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
