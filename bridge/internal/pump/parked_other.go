//go:build !linux

package pump

import (
	"errors"
	"net"
	"time"
)

func newPoller(*inbox) (poller, error) { return nil, errors.ErrUnsupported }

// unacknowledged is not known here.
func unacknowledged(int) int { return 0 }

// Tune bounds what the kernel does for a client that takes nothing. It is for Linux: elsewhere it does nothing.
func Tune(net.Conn, int, time.Duration) error { return nil }
