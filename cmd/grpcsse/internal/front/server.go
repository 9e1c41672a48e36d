package front

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// These bound the HTTP server. There is no time limit for writing a response: a stream has none, and the bridge sets a limit
// for each write.
const (
	// After so long without traffic, an HTTP/2 connection is pinged, and has so long to answer. On HTTP/1.1, TCP does this
	// itself.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
	// streamsPerConnection is how many streams a client may have open on one connection of HTTP/2.
	streamsPerConnection = 250
	// readAhead is how much of the bodies of requests on one connection of HTTP/2 may wait in memory, and frameBytes is the
	// largest frame that a client may send. They are the least that HTTP/2 allows: requests are small here.
	readAhead  = 64 << 10
	frameBytes = 16 << 10
)

// server is the HTTP server of a front.
type server struct {
	*http.Server

	// bell has the HTTP/2 connections of the server. See goAway.
	bell *http.Server
}

// newServer returns the HTTP server: HTTP/1.1 and h2c, or with a certificate HTTP/1.1 and h2.
func (f *Front) newServer(ctx context.Context) (*server, error) {
	s := &server{Server: f.httpServer(ctx), bell: f.httpServer(ctx)}
	if f.Server.TLS != nil {
		certificate, err := loadCertificate(f.Server.TLS, f.Log)
		if err != nil {
			return nil, err
		}
		s.TLSConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: certificate.get, NextProtos: []string{"h2", "http/1.1"},
		}
	}
	s.Handler = closing(f.Handler)
	s.ConnState = note
	s.ConnContext = inContext
	if err := f.Bridge.Park(s.Server); err != nil {
		return nil, err
	}
	if err := s.bell.Serve(noListener{}); !errors.Is(err, errNoListener) { // it sets TLSNextProto up before it accepts
		return nil, err
	}
	s.TLSNextProto = s.bell.TLSNextProto
	return s, nil
}

// httpServer returns what a server and its bell have in common.
func (f *Front) httpServer(ctx context.Context) *http.Server {
	base := context.WithoutCancel(ctx)
	s := &http.Server{
		ReadHeaderTimeout: f.Server.HeaderTimeout,
		IdleTimeout:       f.Server.IdleTimeout,
		MaxHeaderBytes:    int(f.Server.RequestBytes),
		ErrorLog:          newServerLog(f.Log),
		BaseContext:       func(net.Listener) context.Context { return base },
		Protocols:         new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          streamsPerConnection,
			MaxReadFrameSize:              frameBytes,
			MaxReceiveBufferPerConnection: readAhead,
			MaxReceiveBufferPerStream:     readAhead,
			SendPingTimeout:               pingAfter,
			PingTimeout:                   pingTimeout,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(f.Server.TLS != nil)
	s.Protocols.SetUnencryptedHTTP2(f.Server.TLS == nil)
	return s
}

// goAway has no further request arrive on the connections that are open: it closes idle ones, sends GOAWAY on those of HTTP/2,
// and closes those of HTTP/1.1 behind their next answer. Streams go on, and so does the server.
//
// Only [http.Server.Shutdown] sends GOAWAY, and a server that is shut down answers no request of HTTP/1.1 any more. So HTTP/2
// connections belong to a second server, the bell, which does nothing else. A server hands its HTTP/2 connections to what is in
// its TLSNextProto, and that is what the bell has put into its own.
func (s *server) goAway(ctx context.Context) {
	s.SetKeepAlivesEnabled(false)
	_ = s.bell.Shutdown(ctx) // it has no listener and no connection of HTTP/1.1 that it could wait for
}

// noListener is a listener that accepts nothing.
type noListener struct{}

var errNoListener = errors.New("nothing is accepted here")

func (noListener) Accept() (net.Conn, error) { return nil, errNoListener }
func (noListener) Close() error              { return nil }
func (noListener) Addr() net.Addr            { return new(net.TCPAddr) }
