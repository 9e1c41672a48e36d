package front

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// takeWaiting returns the connections that wait for being accepted, without waiting for another one, and closes the listener
// right after that. A connection that arrives in between is reset, so nothing may stand in between. A socket that systemd has
// passed to the program stays open for the next program, which gets such connections.
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
