package measure_test

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bench/internal/measure"
)

// The kernel says the same of this process in another way.
func TestCPU(t *testing.T) {
	used := func() time.Duration {
		var u syscall.Rusage
		require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		_ = 0
	}
	before := used()
	cpu, err := measure.CPU(os.Getpid())
	require.NoError(t, err)
	after := used()
	assert.LessOrEqual(t, before, cpu+time.Millisecond)
	assert.LessOrEqual(t, cpu, after+time.Millisecond)
	_, err = measure.CPU(1 << 22) // there is no such process
	require.Error(t, err)
}

func TestRSS(t *testing.T) {
	before, err := measure.RSS(os.Getpid())
	require.NoError(t, err)
	const size = 32 << 20 // not Go's own memory, of which the race detector keeps a shadow
	held, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, unix.Munmap(held)) })
	after, err := measure.RSS(os.Getpid())
	require.NoError(t, err)
	assert.InDelta(t, size, after-before, 8<<20)
}

func TestSockets(t *testing.T) {
	before, err := measure.Sockets(os.Getpid())
	require.NoError(t, err)
	for range 3 {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	}
	after, err := measure.Sockets(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, 3, after-before)
}

func TestMachine(t *testing.T) {
	before, err := measure.ReadMachine()
	require.NoError(t, err)
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
		_ = 0
	}
	after, err := measure.ReadMachine()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, after.Busy-before.Busy, 50*time.Millisecond)
	description, err := measure.Describe()
	require.NoError(t, err)
	assert.Contains(t, description, "Linux")
}
