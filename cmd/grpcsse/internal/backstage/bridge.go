package backstage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// holdTime is how long a request may wait for a bridge. A bridge is started in milliseconds where nothing is wrong.
const holdTime = 15 * time.Second

// These are the answers to a button that changes nothing.
var (
	errReplacing = errors.New("the bridge is being restarted already")
	errNoCut     = errors.New("this system offers no way to cut the connections of a bridge, restart it instead")
)

// Life is a bridge from its start to its end, as *bridge.Bridge is.
type Life interface {
	http.Handler
	Park(server *http.Server) error
	Shutdown(ctx context.Context) error
	Close() error
}

// Bridge is the demo's bridge, treated like a process of its own: it can be restarted, as a deploy does, and killed. Each life
// begins with the same configuration and nothing else: it knows no stream, no event and no id of the life before. The listener
// stays, as one does that a service manager holds: a request that finds no bridge waits for the next life. Its methods may be
// called concurrently.
type Bridge struct {
	ctx      context.Context
	settings BridgeSettings

	button sync.Mutex // held while a life begins or ends

	mu    sync.Mutex
	life  Life          // guarded by mu; nil between two lives
	begun chan struct{} // guarded by mu; closed when a life begins
}

// BridgeSettings are what a [Bridge] needs.
type BridgeSettings struct {
	// Begin starts a bridge that can serve. The end of its context ends only the start.
	Begin func(ctx context.Context) (Life, error)
	// DrainTimeout is how long a restart may take to end all streams in good order.
	DrainTimeout time.Duration
	// Listener is the address of the listener whose connections a kill cuts.
	Listener net.Addr
	// Log is told of each new life.
	Log *slog.Logger
}

// NewBridge returns a bridge that is in its first life. No other life begins after the end of ctx. The end of ctx does not end
// the present life: that is for [Bridge.Shutdown] and [Bridge.Close].
func NewBridge(ctx context.Context, first Life, s BridgeSettings) *Bridge {
	begun := make(chan struct{})
	close(begun)
	return &Bridge{ctx: ctx, settings: s, life: first, begun: begun}
}

// start begins a life. The caller holds the lock of the buttons.
func (b *Bridge) start() error {
	if err := b.ctx.Err(); err != nil {
		return fmt.Errorf("the program is ending: %w", err)
	}
	life, err := b.settings.Begin(b.ctx)
	if err != nil {
		return err
	}
	// What Park sets on a server is the same for all bridges, and [Bridge.Park] has set it on the real one. This server serves
	// nothing.
	if err := life.Park(new(http.Server)); err != nil {
		return errors.Join(err, life.Close())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life = life
	close(b.begun)
	return nil
}

// Restart ends all streams in good order, closes the bridge, and starts it again. It returns an error where the bridge is being
// replaced already, and where the next life cannot begin.
func (b *Bridge) Restart() error {
	return b.replace("restarted", func(old Life) error {
		drained, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), b.settings.DrainTimeout)
		defer cancel()
		if err := old.Shutdown(drained); err != nil {
			b.settings.Log.Warn("some streams had to be cut off", "error", err)
		}
		b.take()
		return nil
	})
}

// Kill cuts all connections of the listener without notice, closes the bridge, and starts it again. Only the connection of the
// client with the address presser stays, on which the button was pressed. Kill returns an error where the bridge is being
// replaced already, where this system offers no way to cut the connections, and where the next life cannot begin.
func (b *Bridge) Kill(presser netip.AddrPort) error {
	return b.replace("killed, and started again", func(Life) error {
		if err := cut(b.settings.Listener, presser); err != nil {
			return err
		}
		b.take()
		_ = cut(b.settings.Listener, presser) // those that came meanwhile; it has just worked
		return nil
	})
}

// replace calls end, closes the present life, and begins another. end ends the streams of the present life and takes that life
// away from requests, or else returns an error and changes nothing.
func (b *Bridge) replace(what string, end func(old Life) error) error {
	if !b.button.TryLock() {
		return errReplacing
	}
	defer b.button.Unlock()
	if old := b.present(); old != nil {
		if err := end(old); err != nil {
			return err
		}
		if err := old.Close(); err != nil {
			b.settings.Log.Warn("the bridge did not close in good order", "error", err)
		}
	}
	if err := b.start(); err != nil {
		return err
	}
	b.settings.Log.Info(what)
	return nil
}

// take takes the present life away from requests, and returns it.
func (b *Bridge) take() Life {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.life
	if old != nil {
		b.life, b.begun = nil, make(chan struct{})
	}
	return old
}

// present returns the present life, nil between two lives.
func (b *Bridge) present() Life {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.life
}

// ServeHTTP implements [http.Handler]. Between two lives a request waits. A request for which no life begins is cut off, as if
// no program listened: an EventSource comes back after that, and would not after an answer.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	life := b.await(r.Context())
	if life == nil {
		panic(http.ErrAbortHandler)
	}
	life.ServeHTTP(w, r)
}

// await returns the present life, or waits for the next one. It returns nil where none begins in time.
func (b *Bridge) await(ctx context.Context) Life {
	ctx, cancel := context.WithTimeout(ctx, holdTime)
	defer cancel()
	for {
		b.mu.Lock()
		life, begun := b.life, b.begun
		b.mu.Unlock()
		if life != nil {
			return life
		}
		select {
		case <-begun:
		case <-ctx.Done():
			return nil
		case <-b.ctx.Done():
			return nil
		}
	}
}

// Park prepares the server whose handler the bridge is, as the method of *bridge.Bridge does.
func (b *Bridge) Park(server *http.Server) error {
	b.button.Lock()
	defer b.button.Unlock()
	if life := b.present(); life != nil {
		return life.Park(server)
	}
	return nil
}

// Shutdown ends all streams in good order, for good. Call it after the end of the context that [NewBridge] got.
func (b *Bridge) Shutdown(ctx context.Context) error {
	b.button.Lock()
	defer b.button.Unlock()
	if life := b.present(); life != nil {
		return life.Shutdown(ctx)
	}
	return nil
}

// Close closes the present life. Call it after the end of the context that [NewBridge] got.
func (b *Bridge) Close() error {
	b.button.Lock()
	defer b.button.Unlock()
	if life := b.take(); life != nil {
		return life.Close()
	}
	return nil
}
