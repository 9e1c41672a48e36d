package front

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// The log has at most so many lines of the HTTP server in so long, because a client can make the server log a line with each
// connection. Lines about clients are logged at Debug, all others at Warn.
const (
	serverLines  = 10
	serverPeriod = time.Minute
)

// serverLog writes the lines that [net/http.Server] logs into the log of the program.
type serverLog struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	began   time.Time // of the period; guarded by mu, as all below
	said    int
	skipped int
}

func newServerLog(l *slog.Logger) *log.Logger {
	return log.New(&serverLog{log: l, now: time.Now}, "", 0)
}

// Write implements [io.Writer] for a logger, which writes one line at a time.
func (s *serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	switch {
	case strings.HasPrefix(text, "http: panic serving"):
		s.log.Error(text)
	case byClient(text):
		s.log.Debug(text)
	default:
		s.warn(text)
	}
	return len(line), nil
}

// byClient reports whether a line is about a connection that a client has spoilt.
func byClient(text string) bool {
	return strings.HasPrefix(text, "http: TLS handshake error") || strings.HasPrefix(text, "http2: ")
}

func (s *serverLog) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.began) >= serverPeriod {
		s.began, s.said = now, 0
	}
	if s.said == serverLines {
		s.skipped++
		return
	}
	var args []any
	if s.skipped > 0 {
		args, s.skipped = []any{"left_out_before", s.skipped}, 0
	}
	s.said++
	s.log.Warn(text, args...)
}
