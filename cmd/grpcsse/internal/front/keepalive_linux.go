package front

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// inheritKeepAlive has the connections of a listener inherit TCP's keep-alive from it, with the times of package net. Otherwise package
// net would make four system calls for each connection. Errors are ignored, as package net ignores them.
func inheritKeepAlive(settings *net.ListenConfig) {
	settings.KeepAlive = -1
	settings.Control = func(_, _ string, listener syscall.RawConn) error {
		return listener.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9)
		})
	}
}
