// Package safelog keeps a panic of a program's log handler away from the goroutines that log. Most of them serve many clients,
// so that the panic would end the process.
package safelog

import (
	"context"
	"log"
	"log/slog"
	"runtime/debug"
	"sync"
)

// New returns a logger that writes what l writes. A panic of l's handler loses the line that caused it. The first one is told to
// the standard logger of the package log. New returns nil where l is nil.
func New(l *slog.Logger) *slog.Logger {
	if l == nil {
		return nil
	}
	return slog.New(&handler{of: l.Handler(), once: new(sync.Once)})
}

// handler calls another handler. It may be used concurrently, as far as that one may.
type handler struct {
	of   slog.Handler
	once *sync.Once // shared by all handlers that were made of one
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer h.recover()
	return h.of.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	defer h.recover()
	return h.of.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler]. The result writes without attrs where the other handler panics.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func() slog.Handler { return h.of.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler]. The result writes without the group where the other handler panics.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.with(func() slog.Handler { return h.of.WithGroup(name) })
}

func (h *handler) with(derive func() slog.Handler) (derived *handler) {
	derived = &handler{of: h.of, once: h.once}
	defer h.recover()
	derived.of = derive()
	return derived
}

// recover recovers from a panic. It is deferred itself.
func (h *handler) recover() {
	if value := recover(); value != nil {
		h.once.Do(func() {
			log.Printf("grpcsse: the log handler panicked: further panics are not told: %v\n%s", value, debug.Stack())
		})
	}
}
