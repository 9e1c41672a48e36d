package bridge_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// logText is the log of a bridge. It may be used concurrently.
type logText struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// logged does the same as startFront, with a log that has all lines down to Debug.
func logged(t *testing.T, s *server, file string) (*front, *logText) {
	t.Helper()
	cfg := parse(t, s, file)
	text := new(logText)
	logger := slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := bridge.New(t.Context(), cfg, bridge.WithLogger(logger))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}, text
}

func linesWith(text, part string) (found []string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}

func linesOf(text *logText, part string) string {
	return strings.Join(linesWith(text.String(), part), "")
}
