package app

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// accessLog writes the access log in the format of the configuration, which a reload may change. Its lines have no level. In
// JSON, a duration is a number of seconds. It may be used concurrently.
type accessLog struct {
	text, json slog.Handler
	asJSON     *atomic.Bool
}

func newAccessLog(w io.Writer, settings config.AccessLog) *accessLog {
	a := &accessLog{asJSON: new(atomic.Bool)}
	a.text = slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: withoutLevel})
	a.json = slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: inSeconds})
	a.set(settings)
	return a
}

// set changes the format.
func (a *accessLog) set(settings config.AccessLog) {
	a.asJSON.Store(settings.Format == config.AccessFormatJSON)
}

// now returns the handler of the present format.
func (a *accessLog) now() slog.Handler {
	if a.asJSON.Load() {
		return a.json
	}
	return a.text
}

// Enabled implements [slog.Handler].
func (a *accessLog) Enabled(ctx context.Context, level slog.Level) bool {
	return a.now().Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (a *accessLog) Handle(ctx context.Context, r slog.Record) error { return a.now().Handle(ctx, r) }

// WithAttrs implements [slog.Handler].
func (a *accessLog) WithAttrs(attributes []slog.Attr) slog.Handler {
	return &accessLog{a.text.WithAttrs(attributes), a.json.WithAttrs(attributes), a.asJSON}
}

// WithGroup implements [slog.Handler].
func (a *accessLog) WithGroup(name string) slog.Handler {
	return &accessLog{a.text.WithGroup(name), a.json.WithGroup(name), a.asJSON}
}

func withoutLevel(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

func inSeconds(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key, a.Value.Duration().Seconds())
	}
	return withoutLevel(groups, a)
}
