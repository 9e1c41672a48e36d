package bridge

import (
	"context"
	"net"
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/internal/serve"
)

// Park makes event streams over plain HTTP/1.1 of a server cost no goroutine: once such a response has begun, the bridge takes its
// connection over from net/http, and loops serve many of them. An idle browser of a shared stream then costs a twentieth of the
// memory. Over all its connections the bridge bounds what the kernel holds for a client (`send_buffer`), and notices machines that
// vanished. On systems other than Linux Park changes nothing.
//
// It is called before the server serves, and sets the server's ConnContext; one that is there already is called first. The error
// is that of the system, which may have no descriptor left.
//
// ServeHTTP then returns while the stream goes on: middleware that measures a request, or holds something for it, sees its
// beginning only. Middleware around the ResponseWriter turns parking off for its requests, if it offers Unwrap, and must not
// hide that it is there. A parked connection is the bridge's: [Bridge.Shutdown] and [Bridge.Close] end it, and those of the
// http.Server do not.
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
