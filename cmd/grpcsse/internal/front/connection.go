package front

import (
	"context"
	"net"
	"net/http"

	"github.com/grpcsse/grpcsse/bridge"
)

// connection is a connection of a client that has a place.
type connection struct {
	net.Conn // what is served: the TCP connection, or what follows the PROXY protocol header on it

	tcp   *net.TCPConn
	place *place
}

var _ bridge.Parkable = (*connection)(nil)

// NetConn returns the TCP connection, on which limits are set.
func (c *connection) NetConn() net.Conn { return c.tcp }

// CloseWrite tells the client that nothing follows.
func (c *connection) CloseWrite() error { return c.tcp.CloseWrite() }

// Close implements [net.Conn].
func (c *connection) Close() error {
	defer c.place.leave()
	return c.Conn.Close()
}

// HandOver implements [bridge.Parkable]. What follows a PROXY protocol header and was read already is lost. The bridge has no
// use for what a client sends after its request.
func (c *connection) HandOver() (conn *net.TCPConn, ended func()) {
	if ended = c.place.handOver(); ended == nil {
		return nil, func() {}
	}
	return c.tcp, ended
}

// connectionOf returns the connection of a listener of this package, which may carry TLS, or nil where conn is another one.
func connectionOf(conn net.Conn) *connection {
	for {
		switch c := conn.(type) {
		case *connection:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// note is the ConnState of the server: it keeps the state of the connection's place.
func note(conn net.Conn, s http.ConnState) {
	c := connectionOf(conn)
	if c == nil {
		return
	}
	switch s {
	case http.StateActive, http.StateHijacked:
		c.place.enter(busy)
	case http.StateIdle:
		c.place.enter(idle)
	}
}

// noRoomKey is the key of the mark of connections in the lobby.
type noRoomKey struct{}

// inContext is the ConnContext of the server: the requests of a connection in the lobby are turned away.
func inContext(ctx context.Context, conn net.Conn) context.Context {
	if c := connectionOf(conn); c != nil && c.place.turnedAway {
		return bridge.TurnAway(context.WithValue(ctx, noRoomKey{}, true))
	}
	return ctx
}

// closing is a handler in front of another. It has the server close a connection in the lobby behind its first answer. On
// HTTP/2 the same header has the server send GOAWAY.
func closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(noRoomKey{}) != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
