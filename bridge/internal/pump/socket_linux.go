package pump

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/internal/rawio"
)

// tcpSocket is a socket whose only descriptor belongs to the loop.
type tcpSocket struct {
	epoll *epoll
	fd    int
	conn  *net.TCPConn // the connection that owns fd, nil where the socket owns it
}

var _ companion = (*tcpSocket)(nil)

// descriptors returns the descriptor of a connection, and a duplicate of it. The duplicate is -1 where the process has as many
// descriptors as it may have.
func descriptors(conn *net.TCPConn) (own, other int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, -1, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		own = int(fd)
		other, failed = rawio.Duplicate(int(fd))
	})
	switch {
	case err != nil:
		return -1, -1, err
	case errors.Is(failed, unix.EMFILE):
		return own, -1, nil
	}
	return own, other, os.NewSyscallError("fcntl", failed)
}

// Watch implements [socket].
func (t *tcpSocket) Watch(k key) error { return t.epoll.watch(t.fd, k, 0) }

// WatchAll implements [transport].
func (t *tcpSocket) WatchAll(k key) error { return t.epoll.watch(t.fd, k, unix.EPOLLIN) }

// Receive implements [transport].
func (t *tcpSocket) Receive(p []byte, keep bool) int {
	flags := unix.MSG_DONTWAIT
	if keep {
		flags |= unix.MSG_PEEK
	}
	for {
		n, _, err := unix.Recvfrom(t.fd, p, flags)
		if !errors.Is(err, unix.EINTR) {
			return max(0, n) // epoll reports an error too
		}
	}
}

// Left implements [socket].
func (t *tcpSocket) Left() bool { return false }

// Write implements [socket]. The descriptor is non-blocking, as package net makes it. Most writes are one event. For them Write
// uses write(2), the cheapest call. Nothing is ever pending.
func (t *tcpSocket) Write(pieces [][]byte, _ bool) (n int, pending bool, err error) {
	for {
		if len(pieces) == 1 {
			n, err = rawio.Write(t.fd, pieces[0])
		} else {
			n, err = unix.Writev(t.fd, pieces)
		}
		switch {
		case err == nil:
			return n, false, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, false, nil
		case !errors.Is(err, unix.EINTR):
			return 0, false, writeError(err)
		}
	}
}

// descriptor implements [companion].
func (t *tcpSocket) descriptor() int32 { return int32(t.fd) }

// load implements [companion].
func (t *tcpSocket) load(f *flight) (pieces [][]byte) { return f.batch.pieces }

// transmit implements [companion].
func (t *tcpSocket) transmit(pieces [][]byte) (n int, err error) {
	n, _, err = t.Write(pieces, false)
	return n, err
}

// landed implements [companion].
func (t *tcpSocket) landed(f *flight, n int, err error) { f.n, f.pending, f.err = n, false, err }

// Waiting implements [socket].
func (t *tcpSocket) Waiting() int { return unacknowledged(t.fd) }

// unacknowledged returns how many bytes of a socket the client has not acknowledged, whether they were sent or not.
func unacknowledged(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// Fault implements [socket].
func (t *tcpSocket) Fault() error {
	code, err := unix.GetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return os.NewSyscallError("getsockopt", err)
	case code != 0:
		return os.NewSyscallError("socket", unix.Errno(code))
	}
	return nil
}

// Close implements [socket].
func (t *tcpSocket) Close(how closing) {
	switch how {
	case gracefully:
		t.finish()
	case atOnce:
		_ = unix.SetsockoptLinger(t.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if t.conn != nil {
		_ = t.conn.Close()
		return
	}
	_ = unix.Close(t.fd)
}

// finish tells the client that nothing follows, and discards what the client has sent. Closing a socket that has unread bytes
// resets the connection, and the client could lose the end of its stream.
func (t *tcpSocket) finish() {
	_ = unix.Shutdown(t.fd, unix.SHUT_WR)
	var discarded [4 << 10]byte
	for range 32 {
		n, _, err := unix.Recvfrom(t.fd, discarded[:], unix.MSG_DONTWAIT)
		if n <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
