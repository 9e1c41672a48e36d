//go:build !linux

package front

import (
	"errors"
	"net"
)

// ignoreNewcomers does nothing here.
func ignoreNewcomers(*net.TCPListener) error { return errors.ErrUnsupported }

// takeWaiting closes the listener. Connections that wait for being accepted are reset.
func takeWaiting(l *net.TCPListener) []net.Conn {
	_ = l.Close()
	return nil
}
