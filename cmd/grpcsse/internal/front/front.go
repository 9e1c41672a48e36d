package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// Front is the public listener with a bridge behind it.
type Front struct {
	Settings

	// Listener is a TCP listener. Run closes it.
	Listener net.Listener
	Bridge   Bridge
	// Handler is the bridge, or a handler in front of it.
	Handler http.Handler
	Log     *slog.Logger
	// Draining is called when the drain begins, before any stream ends. It may be nil, and must not wait.
	Draining func()
	// DrainTimeout returns how long the drain may take, when it begins. Where it is nil, the drain takes Server.DrainTimeout.
	DrainTimeout func() time.Duration
}

// Settings are the settings of a [Front].
type Settings struct {
	Server config.Server
	Room   Room
}

// Bridge is what a front needs of a bridge. See the bridge's own type for the methods.
type Bridge interface {
	Park(server *http.Server) error
	Shutdown(ctx context.Context) error
}

// farewell is how long requests without a stream may take after the drain, and before that the TLS handshakes that have begun.
const farewell = time.Second

// Run serves until ctx ends. Then it ends the streams in good order, while it still listens. It closes the listener when the
// last stream has ended. It returns an error where serving failed.
func (f *Front) Run(ctx context.Context) error {
	server, err := f.newServer(ctx)
	if err != nil {
		return errors.Join(err, f.Listener.Close())
	}
	listener := newListener(f.Listener, &f.Settings, f.Log)
	served := bridge.ParkingListener(listener)
	if server.TLSConfig != nil {
		served = newHandshakes(served, server)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(served) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	f.drain(context.WithoutCancel(ctx), server)
	listener.stop()
	if err := <-failed; !errors.Is(err, errStopped) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	}
	f.leave(context.WithoutCancel(ctx), server, listener.places)
	return nil
}

// drain ends all streams. New requests arrive on new connections, and are turned away.
func (f *Front) drain(ctx context.Context, server *server) {
	within := f.Server.DrainTimeout
	if f.DrainTimeout != nil {
		within = f.DrainTimeout()
	}
	f.Log.Info("ending all streams", "within", within, "hint", "a second signal ends the program at once")
	if f.Draining != nil {
		f.Draining()
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	server.goAway(ctx)
	if err := f.Bridge.Shutdown(ctx); err != nil {
		f.Log.Warn("some streams had to be cut off", "error", err)
	}
}

// leave waits until the requests on connections that were accepted have their answers, and ends the server.
func (f *Front) leave(ctx context.Context, server *server, places *places) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for places.open() > 0 && ctx.Err() == nil {
		select {
		case <-places.freed:
		case <-ctx.Done():
		}
	}
	_ = server.Shutdown(ctx) // the time for the rest is over
	_ = server.Close()
	f.Log.Info("stopped")
}
