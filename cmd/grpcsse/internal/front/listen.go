package front

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// hintedError is an error with advice.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// Hint says what to do.
func (e *hintedError) Hint() string { return e.hint }

// Listen opens a TCP listener. Some of its errors have a method Hint, which says what to do.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var settings net.ListenConfig
	settings.SetMultipathTCP(false) // its sockets take no filter (see ignoreNewcomers), and browsers do not ask for it
	inheritOptions(&settings)
	listener, err := settings.Listen(ctx, "tcp", address)
	var malformed *net.AddrError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &hintedError{err: err, hint: "another program listens there: choose another address with --listen"}
	case errors.As(err, &malformed):
		return nil, &hintedError{err: err, hint: "an address is host:port, or :port for all interfaces"}
	}
	return listener, err
}
