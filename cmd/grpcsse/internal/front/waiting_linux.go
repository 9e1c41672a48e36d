package front

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ignoreNewcomers has the kernel ignore attempts to connect from now on. It still completes the connections that it has begun. A
// client that was ignored tries again after a second, when the listener is closed. It is refused then, so that a load balancer
// takes another server, or is accepted by a program that was started meanwhile. The error is that of the system.
func ignoreNewcomers(l *net.TCPListener) error {
	const flags, syn, ack = 13, 0x02, 0x10 // the index of a byte in the header of TCP, and bits in it (RFC 9293, 3.1)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},         // drop the segment
		{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1}, // keep all of it
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) {
		filter := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, filter)
	})
	if failed != nil {
		return failed
	}
	return os.NewSyscallError("setsockopt", err)
}

// takeWaiting returns the connections that wait for being accepted, without waiting for another one, and closes the listener
// right after that.
func takeWaiting(l *net.TCPListener) (waiting []net.Conn) {
	raw, err := l.SyscallConn()
	if err != nil {
		_ = l.Close()
		return nil
	}
	var accepted []int
	_ = raw.Control(func(fd uintptr) { // an error says that the listener is closed
		for {
			next, _, err := unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch err {
			case nil:
				accepted = append(accepted, next)
			case unix.EINTR, unix.ECONNABORTED: // the next one may be there
			default:
				return
			}
		}
	})
	_ = l.Close()
	for _, fd := range accepted {
		file := os.NewFile(uintptr(fd), "")
		if conn, err := net.FileConn(file); err == nil {
			waiting = append(waiting, conn)
		}
		_ = file.Close() // the connection has a descriptor of its own
	}
	return waiting
}
