package app

import (
	"io"
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// newAccessLog returns the logger of the access log. Its lines have no level. In JSON, a duration is a number of seconds.
func newAccessLog(w io.Writer, settings config.AccessLog) *slog.Logger {
	asJSON := settings.Format == config.AccessFormatJSON
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == slog.LevelKey && len(groups) == 0:
			return slog.Attr{}
		case asJSON && a.Value.Kind() == slog.KindDuration:
			return slog.Float64(a.Key, a.Value.Duration().Seconds())
		}
		return a
	}}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
