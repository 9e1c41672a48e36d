package sidedoor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// The limits of a door.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout bounds an answer. A profile that takes longer extends it for itself.
	writeTimeout   = 30 * time.Second
	idleTimeout    = time.Minute
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 4 << 10
	// Connections is how many connections a door has at once. For one more, the oldest one is closed.
	Connections = 64
	// farewell is how long requests may take after the door was closed.
	farewell = time.Second
)

// Door is one HTTP server. It speaks HTTP/1.1 without TLS.
type Door struct {
	name   string
	server *http.Server
	log    *slog.Logger
	served sync.WaitGroup
}

// Open serves handler on listener until [Door.Close] is called. The door belongs to the listener from then on. name is for
// the log.
func Open(ctx context.Context, name string, listener net.Listener, handler http.Handler, log *slog.Logger) *Door {
	base := context.WithoutCancel(ctx)
	d := &Door{name: name, log: log}
	d.server = &http.Server{
		Handler:           http.MaxBytesHandler(d.guarded(handler), maxBodyBytes),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // clients decide how many such lines there are
		BaseContext:       func(net.Listener) context.Context { return base },
		Protocols:         new(http.Protocols),
	}
	d.server.Protocols.SetHTTP1(true)
	d.served.Go(func() {
		if err := d.server.Serve(bound(listener, Connections)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a listener has ended", "listener", name, "error", err)
		}
	})
	log.Info("listening aside", "listener", name, "address", listener.Addr().String())
	return d
}

// guarded logs a panic of the handler. The request gets no answer, and all others go on.
func (d *Door) guarded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				d.log.Error("a request panicked", "listener", d.name, "panic", p, "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		handler.ServeHTTP(w, r)
	})
}

// Close closes the listener and all connections, and waits. Requests that are being answered have a second.
func (d *Door) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		_ = d.server.Close() // the time is over
	}
	d.served.Wait()
}
