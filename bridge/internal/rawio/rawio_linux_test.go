package rawio

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pair returns both ends of a connection.
func pair(t *testing.T, network string) (near, far net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	near, err = net.Dial(network, listener.Addr().String())
	require.NoError(t, err)
	far, err = listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	for _, c := range []net.Conn{near, far} {
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	}
	return near, far
}

func TestAReaderReadsAllThatComes(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			near, far := pair(t, network)
			sent := make([]byte, 3<<20)
			_, _ = rand.Read(sent)
			var sender sync.WaitGroup
			sender.Go(func() {
				for rest := sent; len(rest) > 0; { // pieces of all sizes, so that the reader waits now and then
					n := min(len(rest), 1+int(rest[0])*300)
					if _, err := far.Write(rest[:n]); !assert.NoError(t, err) {
						return
					}
					rest = rest[n:]
				}
				_ = far.Close()
			})
			got, err := io.ReadAll(NewReader(near))
			sender.Wait()
			require.NoError(t, err)
			assert.True(t, bytes.Equal(sent, got))
		})
	}
}

func TestAReaderReadsAsReadersDo(t *testing.T) {
	near, far := pair(t, "tcp")
	sent := bytes.Repeat([]byte("0123456789"), 5000)
	_, err := far.Write(sent)
	require.NoError(t, err)
	require.NoError(t, far.Close())
	require.NoError(t, iotest.TestReader(NewReader(near), sent))
}

// The errors are those that Read of the connection returns.
func TestTheErrorsOfAReader(t *testing.T) {
	for name, happens := range map[string]func(near, far net.Conn){
		"the other side ends": func(_, far net.Conn) { _ = far.Close() },
		"a reset": func(_, far net.Conn) {
			_ = far.(*net.TCPConn).SetLinger(0)
			_ = far.Close()
		},
		"closed":                   func(near, _ net.Conn) { _ = near.Close() },
		"a deadline passes":        func(near, _ net.Conn) { _ = near.SetReadDeadline(time.Now().Add(time.Millisecond)) },
		"a deadline of the past":   func(near, _ net.Conn) { _ = near.SetReadDeadline(time.Unix(1, 0)) },
		"the reading side is shut": func(near, _ net.Conn) { _ = near.(*net.TCPConn).CloseRead() },
	} {
		for _, when := range []string{"before the call", "during the call"} {
			t.Run(name+", "+when, func(t *testing.T) {
				var found [2]error
				for i, of := range []func(net.Conn) io.Reader{NewReader, func(c net.Conn) io.Reader { return c }} {
					near, far := pair(t, "tcp")
					r := of(near)
					if when == "before the call" {
						happens(near, far)
					} else {
						time.AfterFunc(10*time.Millisecond, func() { happens(near, far) })
					}
					var n int
					n, found[i] = r.Read(make([]byte, 10))
					assert.Zero(t, n)
				}
				require.Error(t, found[0])
				assert.Equal(t, kind(found[1]), kind(found[0]))
			})
		}
	}
}

// kind describes an error without its addresses.
func kind(err error) string {
	op := (*net.OpError)(nil)
	if errors.As(err, &op) {
		return op.Op + " " + op.Net + ": " + op.Err.Error()
	}
	return err.Error()
}

func TestAConnectionThatDoesMoreIsReadByItself(t *testing.T) {
	near, _ := pair(t, "tcp")
	wrapped := struct{ *net.TCPConn }{near.(*net.TCPConn)}
	assert.Equal(t, io.Reader(wrapped), NewReader(wrapped))
	inMemory, _ := net.Pipe()
	assert.Equal(t, io.Reader(inMemory), NewReader(inMemory))
}

func TestAReadTakesNoMemory(t *testing.T) {
	near, far := pair(t, "tcp")
	r, p := NewReader(near), make([]byte, 1)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = far.Write(p)
		_, _ = r.Read(p)
	}))
}

func TestWrite(t *testing.T) {
	near, far := pair(t, "tcp")
	raw, err := near.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	write := func(p []byte) (n int, err error) {
		require.NoError(t, raw.Control(func(fd uintptr) { n, err = Write(int(fd), p) }))
		return n, err
	}
	n, err := write([]byte("abc"))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	got := make([]byte, 3)
	_, err = io.ReadFull(far, got)
	require.NoError(t, err)
	assert.Equal(t, "abc", string(got))
	n, err = write(nil)
	assert.Zero(t, n)
	assert.NoError(t, err)

	full := make([]byte, 1<<20)
	total := 0
	for range 1000 { // until the socket takes no more, without waiting
		if n, err = write(full); err != nil {
			break
		}
		total += n
	}
	require.ErrorIs(t, err, unix.EAGAIN)
	assert.Positive(t, total)

	require.NoError(t, far.(*net.TCPConn).SetLinger(0))
	require.NoError(t, far.Close())
	require.Eventually(t, func() bool { _, err = write(full); return !errors.Is(err, unix.EAGAIN) }, 10*time.Second, time.Millisecond)
	assert.True(t, errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE), "%v", err)
	_, err = Write(-1, full)
	assert.ErrorIs(t, err, unix.EBADF)
}

func descriptorOf(t *testing.T, conn net.Conn) (fd int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(d uintptr) { fd = int(d) }))
	return fd
}

func TestAnOptionIsSet(t *testing.T) {
	near, _ := pair(t, "tcp")
	fd := descriptorOf(t, near)
	require.NoError(t, SetOption(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 12345))
	got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
	require.NoError(t, err)
	assert.Equal(t, 12345, got)
	assert.ErrorIs(t, SetOption(fd, unix.IPPROTO_TCP, -1, 1), unix.ENOPROTOOPT)
	assert.ErrorIs(t, SetOption(-1, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 1), unix.EBADF)
}

func TestADuplicateIsTheSameSocketAndNotInherited(t *testing.T) {
	near, far := pair(t, "tcp")
	other, err := Duplicate(descriptorOf(t, near))
	require.NoError(t, err)
	defer func() { _ = unix.Close(other) }()
	flags, err := unix.FcntlInt(uintptr(other), unix.F_GETFD, 0)
	require.NoError(t, err)
	assert.NotZero(t, flags&unix.FD_CLOEXEC)
	require.NoError(t, near.Close())
	_, err = Write(other, []byte("x"))
	require.NoError(t, err)
	got := make([]byte, 1)
	_, err = far.Read(got)
	require.NoError(t, err)
	assert.Equal(t, "x", string(got))
	_, err = Duplicate(-1)
	assert.ErrorIs(t, err, unix.EBADF)
}

func TestAnEpollDescriptorReportsWhatItWatches(t *testing.T) {
	near, far := pair(t, "tcp")
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(t, err)
	defer func() { _ = unix.Close(epoll) }()
	fd := descriptorOf(t, near)
	require.NoError(t, Watch(epoll, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 7, Pad: 9}))
	_, err = far.Write([]byte("x"))
	require.NoError(t, err)
	var events [2]unix.EpollEvent
	n, err := unix.EpollWait(epoll, events[:], 60_000)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	assert.Equal(t, unix.EpollEvent{Events: unix.EPOLLIN, Fd: 7, Pad: 9}, events[0])
	assert.ErrorIs(t, Watch(epoll, fd, &unix.EpollEvent{}), unix.EEXIST)
	assert.ErrorIs(t, Watch(epoll, -1, &unix.EpollEvent{}), unix.EBADF)
}
