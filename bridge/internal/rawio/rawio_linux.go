package rawio

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Write writes to a socket what it takes now. Where it takes nothing, the error is EAGAIN, also on a socket that could wait. The error
// is that of the system, as it is.
func Write(fd int, p []byte) (int, error) {
	return call(unix.SYS_SENDTO, uintptr(fd), p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// call makes a system call with a descriptor, bytes, and flags that keep it from waiting.
func call(number, fd uintptr, p []byte, flags uintptr) (int, error) {
	n, _, errno := unix.RawSyscall6(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// SetOption sets an option of a socket whose value is a whole number. The error is that of the system, as it is.
func SetOption(fd, level, option, value int) error {
	number := int32(value)
	size := unsafe.Sizeof(number)
	return failed(unix.RawSyscall6(
		unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&number)), size, 0))
}

// Duplicate returns another descriptor for the socket of fd, which other programs do not inherit. The error is that of the system, as it
// is.
func Duplicate(fd int) (int, error) {
	other, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(other), nil
}

// Watch has an epoll descriptor report the events of a socket. The error is that of the system, as it is.
func Watch(epoll, fd int, events *unix.EpollEvent) error {
	return failed(unix.RawSyscall6(
		unix.SYS_EPOLL_CTL, uintptr(epoll), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(events)), 0, 0))
}

// failed returns the error of a system call that returns nothing else.
func failed(_, _ uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// NewReader returns what reads from a connection as its method Read does. One goroutine may use it. It also respects the deadlines
// of the connection. Where the connection is neither one of TCP nor one of a Unix socket, it is returned itself.
func NewReader(conn net.Conn) io.Reader {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn: // no other type, since that may do more in Read
	default:
		return conn
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return conn
	}
	r := &reader{conn: conn, raw: raw}
	r.try = r.read // made once, since it would be made for each Read
	return r
}

type reader struct {
	conn net.Conn
	raw  syscall.RawConn
	try  func(fd uintptr) (done bool)

	// These are of the present Read.
	p   []byte
	n   int
	err error
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r.p, r.n, r.err = p, 0, nil
	closed := r.raw.Read(r.try)
	r.p = nil
	switch {
	case closed != nil:
		return 0, r.explain(closed)
	case r.err != nil:
		return 0, r.explain(os.NewSyscallError("read", r.err))
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// read reads what is there, and reports whether that was something.
func (r *reader) read(fd uintptr) (done bool) {
	for {
		r.n, r.err = call(unix.SYS_RECVFROM, fd, r.p, unix.MSG_DONTWAIT)
		if !errors.Is(r.err, unix.EINTR) {
			return !errors.Is(r.err, unix.EAGAIN)
		}
	}
}

// explain returns an error as Read of the connection has it.
func (r *reader) explain(err error) error {
	op := (*net.OpError)(nil)
	if errors.As(err, &op) {
		err = op.Err
	}
	local := r.conn.LocalAddr()
	return &net.OpError{Op: "read", Net: local.Network(), Source: local, Addr: r.conn.RemoteAddr(), Err: err}
}
