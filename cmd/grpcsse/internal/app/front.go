package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// These bound the HTTP server. There is no time limit for writing a response: a stream has none, and the bridge sets a limit
// for each write.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// After so long without traffic, an HTTP/2 connection is pinged, and has so long to answer. On HTTP/1.1, TCP does this
	// itself.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
	// farewell is how long requests without a stream may take after the drain.
	farewell = time.Second
)

// front is the public listener with the bridge behind it.
type front struct {
	listener net.Listener
	bridge   parkedBridge
	handler  http.Handler // the bridge, or a handler in front of it
	settings config.Server
	log      *slog.Logger
}

// parkedBridge is what a front needs of a bridge. See the bridge's own type for the methods.
type parkedBridge interface {
	Park(server *http.Server) error
	Shutdown(ctx context.Context) error
}

// listen opens a TCP listener.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var settings net.ListenConfig
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

// run serves until ctx ends. Then it ends the streams in good order, while it still listens. It closes the listener when the
// last stream has ended. It returns an error where serving failed.
func (f *front) run(ctx context.Context) error {
	server, err := f.server(ctx)
	if err != nil {
		return errors.Join(err, f.listener.Close())
	}
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(f.listener, "", "")
			return
		}
		failed <- server.Serve(f.listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", f.listener.Addr(), err)
	case <-ctx.Done():
	}
	f.drain(ctx, server)
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", f.listener.Addr(), err)
	}
	return nil
}

// drain ends all streams, and then the server.
func (f *front) drain(ctx context.Context, server *http.Server) {
	f.log.Info("ending all streams", "within", f.settings.DrainTimeout, "hint", "a second signal ends the program at once")
	ctx = context.WithoutCancel(ctx)
	drained, cancel := context.WithTimeout(ctx, f.settings.DrainTimeout)
	defer cancel()
	if err := f.bridge.Shutdown(drained); err != nil {
		f.log.Warn("some streams had to be cut off", "error", err)
	}
	finished, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if err := server.Shutdown(finished); err != nil {
		_ = server.Close() // the time for the rest is over
	}
	f.log.Info("stopped")
}

// server returns the HTTP server: HTTP/1.1 and h2c, or with a certificate HTTP/1.1 and h2.
func (f *front) server(ctx context.Context) (*http.Server, error) {
	base := context.WithoutCancel(ctx)
	server := &http.Server{
		Handler:           f.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    int(f.settings.RequestBytes),
		ErrorLog:          newServerLog(f.log),
		BaseContext:       func(net.Listener) context.Context { return base },
		Protocols:         new(http.Protocols),
		HTTP2:             &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	if err := f.bridge.Park(server); err != nil {
		return nil, err
	}
	server.Protocols.SetHTTP1(true)
	if f.settings.TLS == nil {
		server.Protocols.SetUnencryptedHTTP2(true)
		return server, nil
	}
	server.Protocols.SetHTTP2(true)
	certificate, err := loadCertificate(f.settings.TLS, f.log)
	if err != nil {
		return nil, err
	}
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
	return server, nil
}
