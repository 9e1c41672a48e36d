package request

import (
	"net/http"
	"net/netip"
)

// clientOf returns the address of the caller, as the connection has it. It returns an invalid address where that is unknown.
func clientOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
