//go:build !linux

package pump

import (
	"errors"
	"net"
	"time"
)

func newPoller(*inbox) (poller, error) { return nil, errors.ErrUnsupported }

// unacknowledged is 0: the number is not known on this system.
func unacknowledged(int) int { return 0 }

// Tune does nothing on this system. On Linux it bounds what the kernel does for a client that takes nothing.
func Tune(net.Conn, int, time.Duration) error { return nil }

// Tune does nothing on this system, as the function Tune.
func (*Carrier) Tune(*net.TCPConn, int, time.Duration) error { return nil }

// bounds are none on this system.
type bounds struct{}

func inherited(net.Listener) bounds { return bounds{} }
