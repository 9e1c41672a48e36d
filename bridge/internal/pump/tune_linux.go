package pump

import (
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/internal/rawio"
)

// Tune bounds what the kernel does for a client that takes nothing. The kernel holds about sendBuffer unsent bytes. It gives
// the connection up when the client acknowledges nothing for writeTimeout, so a machine that has vanished is noticed soon after
// a heartbeat. An argument of 0 leaves the kernel's own rule. Tune changes only TCP connections, plain or under TLS.
//
// A [Carrier] knows what its connection has, and has the kernel change only what differs. Where a connection is opened for a stream, the
// system calls for both are a twentieth of the CPU time.
func Tune(conn net.Conn, sendBuffer int, writeTimeout time.Duration) error {
	if tcp, carrier := carriedBy(conn); tcp != nil {
		return carrier.Tune(tcp, sendBuffer, writeTimeout)
	}
	return nil
}

// Tune does the same as the function [Tune] for the TCP connection that the Carrier stands for. A nil Carrier knows nothing of it.
func (c *Carrier) Tune(tcp *net.TCPConn, sendBuffer int, writeTimeout time.Duration) error {
	want := bounds{sendBuffer: sendBuffer, writeTimeout: writeTimeout}
	if c == nil {
		return want.set(tcp)
	}
	c.tuning.Lock()
	defer c.tuning.Unlock()
	differs := want.without(c.has)
	if differs == (bounds{}) {
		return nil
	}
	err := differs.set(tcp)
	if err == nil {
		c.has = c.has.with(differs)
	}
	return err
}

// bounds are what [Tune] sets. A value of 0 is the kernel's own rule, or what is to stay as it is.
type bounds struct {
	sendBuffer   int // bytes
	writeTimeout time.Duration
}

// without returns the bounds without those that a connection has already.
func (b bounds) without(has bounds) bounds {
	if b.sendBuffer == has.sendBuffer {
		b.sendBuffer = 0
	}
	if b.writeTimeout == has.writeTimeout {
		b.writeTimeout = 0
	}
	return b
}

// with returns the bounds after others were set.
func (b bounds) with(others bounds) bounds {
	if others.sendBuffer > 0 {
		b.sendBuffer = others.sendBuffer
	}
	if others.writeTimeout > 0 {
		b.writeTimeout = others.writeTimeout
	}
	return b
}

// set has the kernel apply the bounds to a connection.
func (b bounds) set(conn syscall.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	set := func(fd uintptr, option, value int) {
		if value > 0 && failed == nil {
			failed = os.NewSyscallError("setsockopt", rawio.SetOption(int(fd), unix.IPPROTO_TCP, option, value))
		}
	}
	if err := raw.Control(func(fd uintptr) {
		set(fd, unix.TCP_NOTSENT_LOWAT, b.sendBuffer)
		set(fd, unix.TCP_USER_TIMEOUT, int(b.writeTimeout.Milliseconds()))
	}); err != nil {
		return err
	}
	return failed
}

// inherited returns the bounds of a listener, which the kernel gives to its connections. Those of a listener that does not tell its
// descriptor, or of another protocol, are none: connections of Multipath TCP do not inherit all that their listener has.
func inherited(l net.Listener) (has bounds) {
	conn, ok := l.(syscall.Conn)
	if !ok {
		return bounds{}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return bounds{}
	}
	get := func(fd uintptr, level, option int) int {
		value, err := unix.GetsockoptInt(int(fd), level, option)
		if err != nil {
			return 0
		}
		return value
	}
	_ = raw.Control(func(fd uintptr) { // a listener that is closed accepts nothing
		if get(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL) == unix.IPPROTO_TCP {
			has.sendBuffer = max(0, get(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT))
			has.writeTimeout = time.Duration(get(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)) * time.Millisecond
		}
	})
	return has
}
