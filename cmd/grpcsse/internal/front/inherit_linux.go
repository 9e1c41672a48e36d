package front

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// inheritOptions has the connections of a listener inherit options from it, which saves five system calls for each connection. These
// are TCP's keep-alive with the times of package net, and the default of `send_buffer`: the bridge does not set again what the listener
// has. The time of TCP_USER_TIMEOUT is for streams, so it is not inherited: a handshake over a network that pauses may take longer.
// Errors are ignored, as package net ignores them.
func inheritOptions(settings *net.ListenConfig) {
	settings.KeepAlive = -1
	settings.Control = func(_, _ string, listener syscall.RawConn) error {
		return listener.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, int(config.DefaultSendBuffer))
		})
	}
}
