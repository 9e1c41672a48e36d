package bridge

import (
	"context"
	"net"
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/internal/serve"
)

// Park makes connections with event streams over plain HTTP/1.1 cost no goroutine. Once the response to such a request has begun, the bridge
// takes the connection over from net/http, and one loop serves many connections. An idle client of a shared stream then needs a
// twentieth of the memory. A private stream still needs two goroutines that read its upstream. On all connections of the server, the bridge also bounds how much the kernel buffers for a client
// (`send_buffer`), and notices clients whose machine vanished. On systems other than Linux, Park changes nothing.
//
// Call Park before the server serves. It sets the server's ConnContext, and calls the function that was there before. The error
// comes from the operating system, for example because no file descriptor is left.
//
// The connections must be those of a TCP listener, or a [Parkable] around one.
//
// For a parked connection, ServeHTTP returns while the stream goes on. Middleware that measures a request, or holds something
// for it, therefore sees only its beginning. A ResponseWriter that middleware wraps must have a method Unwrap; its connection
// is then not parked. Parked connections belong to the bridge: [Bridge.Shutdown] and [Bridge.Close] end them, and the methods
// of the http.Server do not.
func (b *Bridge) Park(server *http.Server) error {
	if err := b.handler.StartLoops(); err != nil {
		return err
	}
	before := server.ConnContext
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return serve.ConnContext(ctx, c)
	}
	return nil
}

// Parkable is a connection of a listener that wraps its TCP connections, for example to count them. What is written to the
// Parkable must go to the TCP connection unchanged. [Bridge.Park] parks such connections too. For the limits that it sets on
// other connections, it finds the TCP connection by a method `NetConn() net.Conn`, as [crypto/tls.Conn] has one.
type Parkable interface {
	net.Conn
	// HandOver gives the TCP connection away. The bridge calls HandOver at most once, uses only conn afterwards, and closes it.
	// Then the bridge calls ended once, not Close. ended may be called concurrently with anything else.
	HandOver() (conn *net.TCPConn, ended func())
}

// TurnAway returns a context for requests for which the program has no room, for example because too many connections are open.
// A bridge gives such a request no stream. It answers as it does over a limit of its own: an EventSource is told to come back,
// and all other clients receive the status 429. Use TurnAway in the ConnContext of an [http.Server], or in a handler in front of
// the bridge.
func TurnAway(ctx context.Context) context.Context { return serve.TurnAway(ctx) }
