package front

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWhatTheServerSaysIsBounded(t *testing.T) {
	var text strings.Builder
	now := time.Unix(1_000_000, 0)
	s := &serverLog{
		log: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})),
		now: func() time.Time { return now },
	}
	say := func(line string) { _, _ = fmt.Fprintln(s, line) }
	for range 100 {
		say("http: TLS handshake error from 192.0.2.1:4711: EOF")
		say("http2: server connection error from 192.0.2.1:4711: PROTOCOL_ERROR")
		say("http: Accept error: too many open files; retrying in 1s")
	}
	say("http: panic serving 192.0.2.1:4711: boom")
	count := func(level string) int { return strings.Count(text.String(), "level="+level+" ") }
	assert.Equal(t, 200, count("DEBUG"), "what clients bring about is no warning")
	assert.Equal(t, serverLines, count("WARN"))
	assert.Equal(t, 1, count("ERROR"))
	now = now.Add(serverPeriod)
	say("http: Accept error: too many open files; retrying in 1s")
	assert.Equal(t, serverLines+1, count("WARN"))
	assert.Contains(t, text.String(), "left_out_before=90")
}
