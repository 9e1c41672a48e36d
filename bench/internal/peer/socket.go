package peer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a bare socket of TCP. It is no part of Go's network poller.
type socket int

// accept takes a browser that has come. A read from it takes a second at most.
func (s socket) accept() (socket, error) {
	for {
		fd, _, err := unix.Accept4(int(s), unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return 0, os.NewSyscallError("accept4", err)
		}
		limit := unix.NsecToTimeval(int64(time.Second))
		if err := errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)); err != nil {
			_ = unix.Close(fd)
			return 0, err
		}
		return socket(fd), nil
	}
}

// Read reads what has come.
func (s socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(s), p)
		switch {
		case errors.Is(err, unix.EINTR): // a socket with a time limit does not begin again by itself
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// Write writes all of p with one system call, or fails.
func (s socket) Write(p []byte) (int, error) {
	n, err := unix.Write(int(s), p)
	if err == nil && n < len(p) {
		err = unix.EAGAIN
	}
	return max(n, 0), err
}

// Close closes the socket.
func (s socket) Close() error { return unix.Close(int(s)) }

// The following make a socket a [net.Conn], which package crypto/tls wants and whose addresses and deadlines it does not use here.

// LocalAddr returns an address that says nothing.
func (socket) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr returns an address that says nothing.
func (socket) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline returns an error: there are no deadlines.
func (socket) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline returns an error: there are no deadlines.
func (socket) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline returns an error: there are no deadlines.
func (socket) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// readRequest reads to the end of a request's headers.
func readRequest(from io.Reader) error {
	buf := make([]byte, 0, 16<<10)
	for !bytes.HasSuffix(buf, []byte("\r\n\r\n")) {
		if len(buf) == cap(buf) {
			return errors.New("the request is too long")
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return err
		}
		buf = buf[:len(buf)+n]
	}
	return nil
}
