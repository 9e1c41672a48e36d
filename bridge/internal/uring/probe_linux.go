package uring

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// try sends to pairs of sockets, and looks whether the kernel does what a Ring relies on.
func (r *Ring) try() error {
	full, err := newPair()
	if err != nil {
		return err
	}
	defer full.close()
	other, err := newPair()
	if err != nil {
		return err
	}
	defer other.close()
	if err := unix.SetsockoptInt(full.near, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	much := make([]byte, 256<<10)
	sends := []Send{{FD: full.near, Pieces: [][]byte{much}}, {FD: other.near, Pieces: [][]byte{[]byte("a"), nil, []byte("bc")}}}
	if err := r.Send(sends); err != nil {
		return err
	}
	if err := errors.Join(sends[0].Err, sends[1].Err); err != nil {
		return fmt.Errorf("send by io_uring: %w", err)
	}
	var got [8]byte
	n, err := unix.Read(other.far, got[:])
	if err != nil || !bytes.Equal(got[:n], []byte("abc")) || sends[0].Taken >= len(much) {
		return errors.New("send by io_uring: the kernel does not do what it should")
	}
	again := []Send{{FD: full.near, Pieces: [][]byte{much}}, {FD: other.far, Pieces: [][]byte{[]byte("d")}}}
	if err := r.Send(again); err != nil {
		return err
	}
	if again[0].Taken != 0 || again[0].Err != nil || again[1].Taken != 1 {
		return errors.New("send by io_uring: the kernel does not say that a socket is full")
	}
	return nil
}

// pair is two sockets that are connected.
type pair struct{ near, far int }

func newPair() (pair, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	return pair{fds[0], fds[1]}, os.NewSyscallError("socketpair", err)
}

func (p pair) close() {
	_ = unix.Close(p.near)
	_ = unix.Close(p.far)
}
