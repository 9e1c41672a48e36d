//go:build !linux

package rawio

import (
	"io"
	"net"
)

// NewReader returns conn.
func NewReader(conn net.Conn) io.Reader { return conn }
