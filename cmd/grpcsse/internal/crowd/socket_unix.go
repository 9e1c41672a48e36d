//go:build unix

package crowd

import "syscall"

// receiveBuffer is how many bytes the kernel may hold for a client that reads nothing, where this can be set. They are few, so
// that the server soon notices.
const receiveBuffer = 4 << 10

// control is a net.Dialer.Control. It runs before the connection is made, so the connection begins with a window of that size.
func control(_, _ string, connection syscall.RawConn) error {
	var failed error
	err := connection.Control(func(descriptor uintptr) {
		failed = syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
	})
	if err != nil {
		return err
	}
	return failed
}
