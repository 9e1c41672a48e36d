package bridge

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/access"
	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/serve"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
)

// Bridge is an [http.Handler] that serves server-streaming gRPC methods as event streams. All methods may be called
// concurrently.
type Bridge struct {
	catalog *catalog.Catalog
	auth    *auth.Room
	streams *stream.Streams
	handler *serve.Handler
	reloads *reloads
	// observers are told when the bridge starts and when it is closed.
	observers *observers
	closed    sync.Once

	ctx    context.Context // ends with the bridge, and so does everything that the bridge has opened
	cancel context.CancelFunc
}

var _ http.Handler = (*Bridge)(nil)

// New returns a bridge that serves cfg until [Bridge.Close] is called. cfg may be nil, as for [config.New], where options bring
// all routes. ctx bounds New itself: when ctx ends later, the bridge goes on, so that a program can end its streams in good
// order with [Bridge.Shutdown] after the signal that ended its context. The values of ctx are those of the bridge's own calls.
//
// It waits for no server: while an upstream's schema cannot be read by reflection yet, the routes that need it are out of
// order, their requests are turned away, and reading it is tried again. What the configuration names on this machine must be
// there: a descriptor set, a .proto source or a certificate that cannot be read is an error, as is a configuration that
// contradicts itself. The error is a [config.Problems] then.
func New(ctx context.Context, cfg *config.Config, opts ...Option) (*Bridge, error) {
	o := newOptions(opts)
	if cfg == nil {
		cfg = config.New()
	}
	c, err := catalog.New(ctx, cfg, o.catalog())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	who, problems := auth.New(ctx, &cfg.Auth, newAuthorizer(o.authorizer, o.log), o.log)
	if problems != nil {
		cancel()
		_ = c.Close() // nothing was served, so only the problems matter
		return nil, problems
	}
	streams := stream.New(ctx, sharedLimits(cfg), o.cluster, o.log, streamObserver{&o.observers})
	streams.LimitQueues(int64(cfg.Server.QueueBytes))
	b := &Bridge{
		catalog: c, auth: who, streams: streams, reloads: newReloads(ctx, cfg.Server, o.log, o.observers.reloaded),
		observers: &o.observers, ctx: ctx, cancel: cancel,
		handler: serve.New(cfg.Server, c, who, streams, serve.Reports{
			Log: o.log, Observer: handlerObserver{&o.observers}, Access: access.New(o.access), Tracer: o.tracer(ctx),
		}),
	}
	b.handler.HideTokens(cfg.Auth)
	b.observers.started(b)
	c.Watch(ctx)
	return b, nil
}

// ServeHTTP implements [http.Handler]. It finds the route of the path, admits the caller, binds the request message, attaches
// to a stream, and writes its events until the stream ends or the client leaves. The upstream stream of a private stream ends
// with it.
//
// The ResponseWriter must support flushing and write deadlines, as those of net/http do. Middleware that wraps it must have a
// method Unwrap, see [http.ResponseController]. Otherwise the answer has the status 500, and says what is missing. The bridge calls its
// methods on other goroutines too, one after another, except that it may set a write deadline while a write waits. A panic of a write is
// a panic of ServeHTTP.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }

// Ready waits until the first attempt to load the schema of each upstream, and the keys of each issuer of tokens, has ended,
// whether it succeeded or not. It returns an error if ctx ends or the bridge is closed before that.
func (b *Bridge) Ready(ctx context.Context) error {
	if err := b.catalog.Ready(ctx, b.ctx.Done()); err != nil {
		return err
	}
	return b.auth.Ready(ctx, b.ctx.Done())
}

// Shutdown ends all streams in good order, and refuses new requests. Each stream ends at a random moment before the deadline of
// ctx, with an event that tells the browser to come back, so that the browsers do not all arrive elsewhere together. Where ctx
// has no deadline, the streams end at once. Shutdown returns nil when the last stream has ended, and the error of ctx if ctx
// ends before that. The http.Server should go on listening meanwhile: a browser whose connection is refused may give up for
// good. In a cluster, Shutdown first gives the shared streams to other replicas that have clients of them: the clients notice
// nothing. Call [Bridge.Close] afterwards. Shutdown ends a [Bridge.Reload] that is under way.
func (b *Bridge) Shutdown(ctx context.Context) error {
	now := time.Now()
	by := now
	if deadline, ok := ctx.Deadline(); ok {
		// A tenth of the time remains for writing the last frames.
		by = now.Add(deadline.Sub(now) * 9 / 10)
	}
	b.reloads.end()
	b.streams.Resign()
	return b.handler.Shutdown(ctx, by)
}

// Shed ends a share of the open streams, at least 0 and at most 1, so that other replicas take them over. It chooses them at random.
// Each ends at a random moment within the given time, and its browser is told to come back. Shed returns their number at once.
func (b *Bridge) Shed(share float64, within time.Duration) int { return b.handler.Shed(share, within) }

// Close cancels every stream that is still open, and closes the connections to the upstreams. It waits for all goroutines of
// the bridge, and for the iterators and services of this process: one that ignores the end of its context delays Close.
// Handlers may still be about to return. Further calls return the error of the first one.
func (b *Bridge) Close() error { // docs/architecture.md, "Closing", has the reasons for the order
	b.reloads.close()
	b.streams.CloseShared()
	b.cancel()
	b.catalog.Wait()
	b.handler.StopAdmitting()
	b.streams.Wait()
	b.handler.Close()
	b.auth.Wait()
	b.streams.Close()
	err := b.catalog.Close()
	b.closed.Do(func() { b.observers.closed(b) })
	return err
}

// ServesHost reports whether the host of a request, which a proxy of `server.trusted_proxies` may name, is one of `server.hosts`.
func (b *Bridge) ServesHost(r *http.Request) bool { return b.handler.ServesHost(r) }

// Park makes connections with event streams over HTTP/1.1 cost no goroutine on Linux. Once the response to such a request has
// begun, the bridge takes the connection over from net/http, and one loop serves many. On all connections, it also bounds how
// much the kernel buffers for a client (`send_buffer`), and notices clients whose machine vanished.
//
// Call Park before the server serves. It sets the server's ConnContext, and calls the function that was there before. The
// connections must be those of a TCP listener, or a [Parkable] around one; with TLS, the listener must be a [ParkingListener].
//
// For a parked connection, ServeHTTP returns while the stream goes on, so middleware sees only its beginning. A ResponseWriter
// that middleware wraps must have a method Unwrap; its connection is not parked. Parked connections belong to the bridge:
// [Bridge.Shutdown] and [Bridge.Close] end them, and the methods of the http.Server do not.
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

// ParkingListener returns a listener of the connections of l, which [Bridge.Park] can park under the TLS of package crypto/tls.
//
// On Linux, the kernel gives a connection the options TCP_NOTSENT_LOWAT and TCP_USER_TIMEOUT of its listener. The bridge reads them from
// l, where l has a method SyscallConn, and sets on a connection only what differs. A program that sets these options on l must set them
// before l listens: the connections that waited until then would lack them, and the bridge would not notice.
func ParkingListener(l net.Listener) net.Listener { return pump.Carrying(l) }

// Parkable is a connection of a listener that wraps its TCP connections, for example to count them. What is written to the
// Parkable must go to the TCP connection unchanged. [Bridge.Park] parks such connections too. For the limits that it sets on
// other connections, it finds the TCP connection by a method `NetConn() net.Conn`, as [crypto/tls.Conn] has one.
type Parkable interface {
	net.Conn
	// HandOver gives the TCP connection away. The bridge calls HandOver at most once, uses only conn afterwards, and closes it.
	// When the stream has ended too, the bridge calls ended once, not Close. ended may be called concurrently with anything else.
	// Nothing else may close conn after HandOver. Where something has closed it before, conn is nil, and the bridge calls Close and
	// then ended.
	HandOver() (conn *net.TCPConn, ended func())
}

// TurnAway returns a context for requests for which the program has no room, for example because too many connections are open.
// A bridge gives such a request no stream. It answers as it does over a limit of its own: an EventSource is told to come back,
// and all other clients receive the status 429. Use TurnAway in the ConnContext of an [http.Server], or in a handler in front of
// the bridge.
func TurnAway(ctx context.Context) context.Context { return serve.TurnAway(ctx) }
