//go:build unix

package backstage

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// cut ends all TCP connections that the listener of this process at an address has accepted, as the system does when a process
// is killed: the other side is told that nothing follows, and what is written from now on goes nowhere. The connection of the
// client with the address except stays. The descriptors still have to be closed by the code that owns them. cut looks for them
// in the process, because some code has duplicates of them.
func cut(listener net.Addr, except netip.AddrPort) error {
	tcp, ok := listener.(*net.TCPAddr)
	if !ok {
		return errNoCut
	}
	at := tcp.AddrPort()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		local, localErr := syscall.Getsockname(fd)
		remote, remoteErr := syscall.Getpeername(fd)
		if localErr != nil || remoteErr != nil || !accepted(at, addressOf(local)) || addressOf(remote) == unmapped(except) {
			continue
		}
		_ = syscall.Shutdown(fd, syscall.SHUT_RDWR) // an error says that the connection has ended meanwhile
	}
	return nil
}

// accepted reports whether the listener at an address can have accepted a connection with this local address.
func accepted(listener, local netip.AddrPort) bool {
	listener = unmapped(listener)
	return local.IsValid() && local.Port() == listener.Port() &&
		(listener.Addr().IsUnspecified() || listener.Addr().WithZone("") == local.Addr())
}

// addressOf returns the address of a socket, or the zero address where the socket is not one of TCP or UDP.
func addressOf(socket syscall.Sockaddr) netip.AddrPort {
	switch s := socket.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *syscall.SockaddrInet6:
		return unmapped(netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port)))
	}
	return netip.AddrPort{}
}

// unmapped returns an address in its only form: an IPv4 address is none of IPv6.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
