package pump

import (
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Tune bounds what the kernel does for a client that takes nothing. The kernel holds about sendBuffer unsent bytes. It gives
// the connection up when the client acknowledges nothing for writeTimeout, so a machine that has vanished is noticed soon after
// a heartbeat. An argument of 0 leaves the kernel's own rule. Tune changes only TCP connections, plain or under TLS.
func Tune(conn net.Conn, sendBuffer int, writeTimeout time.Duration) error {
	if tcp := tcpOf(conn); tcp != nil {
		return tune(tcp, &Settings{SendBuffer: sendBuffer, WriteTimeout: writeTimeout})
	}
	return nil
}

func tune(conn syscall.Conn, s *Settings) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	set := func(fd uintptr, option, value int) {
		if value > 0 && failed == nil {
			failed = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option, value))
		}
	}
	if err := raw.Control(func(fd uintptr) {
		set(fd, unix.TCP_NOTSENT_LOWAT, s.SendBuffer)
		set(fd, unix.TCP_USER_TIMEOUT, int(s.WriteTimeout.Milliseconds()))
	}); err != nil {
		return err
	}
	return failed
}
