package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuietLoggerPassesWarnings(t *testing.T) {
	for level, wanted := range map[string]string{
		"info":  "level=WARN msg=warning part=x\n",
		"debug": "level=INFO msg=information part=x\nlevel=WARN msg=warning part=x\n",
		"error": "",
	} {
		var out strings.Builder
		log, err := newLogger(&out, "text", level)
		require.NoError(t, err)
		log = quiet(log).With("part", "x")
		log.Info("information")
		log.Warn("warning")
		var lines strings.Builder
		for line := range strings.Lines(out.String()) {
			_, rest, _ := strings.Cut(line, " ") // the time
			lines.WriteString(rest)
		}
		assert.Equal(t, wanted, lines.String(), level)
	}
}
