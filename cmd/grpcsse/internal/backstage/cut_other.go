//go:build !unix

package backstage

import (
	"net"
	"net/netip"
)

// cut cannot find the connections of a listener on this system.
func cut(net.Addr, netip.AddrPort) error { return errNoCut }
