package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Passed returns the listening socket that a service manager has passed to the process, as systemd does for a socket unit, or
// nil where there is none. The service manager keeps the socket open while the program restarts, so that no connection is
// refused.
//
// wanted is the address at which the program is to listen, "" where any is right. A socket at another address is an error, and
// so is more than one socket. Some errors have a method Hint, which says what to do. Call Passed once: it removes the variables
// of the environment that name the socket.
func Passed(wanted string) (net.Listener, error) {
	files := activation.Files(true)
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
		return passed(files[0], wanted)
	}
	for _, f := range files {
		_ = f.Close()
	}
	return nil, &hintedError{
		err:  fmt.Errorf("the service manager passed %d sockets, expected one", len(files)),
		hint: "give the socket unit one ListenStream",
	}
}

func passed(f *os.File, wanted string) (net.Listener, error) {
	defer func() { _ = f.Close() }() // the listener has a descriptor of its own
	listener, err := net.FileListener(f)
	if err != nil {
		return nil, &hintedError{
			err:  fmt.Errorf("the descriptor that the service manager passed is no listening socket: %w", err),
			hint: "the socket unit needs a ListenStream, and Accept=no",
		}
	}
	tcp, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.Join(&hintedError{
			err:  fmt.Errorf("the service manager passed the socket %s, expected one of TCP", listener.Addr()),
			hint: "give the socket unit a ListenStream with a port",
		}, listener.Close())
	}
	if wanted != "" && !sameAddress(wanted, tcp.AddrPort()) {
		return nil, errors.Join(&hintedError{
			err:  fmt.Errorf("the service manager passed a socket at %s, but the address to listen at is %s", tcp, wanted),
			hint: "leave server.listen and --listen out, or give the socket unit the same address",
		}, listener.Close())
	}
	return shared{listener}, nil
}

// shared is a listener whose socket the service manager keeps. A connection that waits when the listener is closed goes to the
// next program, and the socket must stay as it is.
type shared struct{ net.Listener }

// sameAddress reports whether a socket listens at an address such as ":8080", "localhost:8080" or "[::1]:8080". Port 0 is any.
func sameAddress(address string, socket netip.AddrPort) bool {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	port, err := new(net.Resolver).LookupPort(context.Background(), "tcp", portText)
	if err != nil || port != 0 && port != int(socket.Port()) {
		return false
	}
	ip := socket.Addr().Unmap()
	if host == "" {
		return ip.IsUnspecified()
	}
	if literal, err := netip.ParseAddr(host); err == nil {
		return literal.Unmap() == ip || literal.IsUnspecified() && ip.IsUnspecified()
	}
	if host == "localhost" {
		return ip.IsLoopback()
	}
	return true // the name of a machine: only a look-up could tell
}
