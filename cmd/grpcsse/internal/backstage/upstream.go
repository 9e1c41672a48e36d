package backstage

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
	"github.com/grpcsse/grpcsse/internal/door"
)

// These are the answers to a button that changes nothing.
var (
	errKilled  = errors.New("the gRPC server is killed already")
	errRunning = errors.New("the gRPC server is running already")
)

// Upstream is the demo's gRPC server, treated like a process of its own: it can be killed, which cuts its connections, and
// started again at the same address. Its services keep their data. Its methods may be called concurrently.
type Upstream struct {
	ctx     context.Context
	log     *slog.Logger
	server  *demo.Server
	address string
	door    *door.Door
	close   func() error // ends ctx, and frees the address
	trading sync.WaitGroup

	mu   sync.Mutex
	kill func() // guarded by mu; ends the server and waits for that; nil while the server is killed
}

// StartUpstream serves on listener until [Upstream.Close]. The end of ctx does not end the server.
func StartUpstream(ctx context.Context, log *slog.Logger, server *demo.Server, listener net.Listener) *Upstream {
	u := &Upstream{log: log, server: server, address: listener.Addr().String()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	u.ctx, u.door = ctx, door.New(listener)
	u.close = sync.OnceValue(func() error { cancel(); return u.door.Close() })
	u.trading.Go(func() { server.Trade(u.ctx) })
	u.kill = u.serve(u.door.Open())
	return u
}

// serve begins to serve. The function that it returns ends the server and waits for that.
func (u *Upstream) serve(listener net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(u.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := u.server.Serve(ctx, listener); err != nil {
			u.log.Error("the gRPC server has stopped", "error", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// Kill cuts all connections to the server without notice, and each new one at once. The address stays that of the server.
func (u *Upstream) Kill() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.kill == nil {
		return errKilled
	}
	u.kill()
	u.kill = nil
	u.log.Info("killed")
	return nil
}

// Restart serves again at the same address.
func (u *Upstream) Restart() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.kill != nil {
		return errRunning
	}
	u.kill = u.serve(u.door.Open())
	u.log.Info("started again")
	return nil
}

// Running reports whether the server runs.
func (u *Upstream) Running() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.kill != nil
}

// Address returns the address at which the server listens, host:port.
func (u *Upstream) Address() string { return u.address }

// Streams returns how many streams of a method the server has open.
func (u *Upstream) Streams(rpc string) int { return u.server.Streams(rpc) }

// Close ends the server, and returns when all its goroutines have ended.
func (u *Upstream) Close() {
	if err := u.close(); err != nil {
		u.log.Error("the listener of the gRPC server cannot be closed", "error", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.kill != nil {
		u.kill()
		u.kill = nil
	}
	u.trading.Wait()
}
