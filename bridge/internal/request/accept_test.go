package request

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhichAcceptHeadersContainAMediaType(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/event-stream": true, " text/event-stream ; q=0.5 ": true, "a/b,,text/event-stream": true, "text/event-stream;a=b;Q=1": true,
		"text/event-stream;q=0.001": true, `a/b;x=",text/event-stream,"`: false, `a/b;x="\",text/event-stream"`: false,
		`a/b;x="y",text/event-stream;z="q=0"`: true, `text/event-stream;x=";q=1";q=0`: false, "text/event-stream;q=0.0": false,
		"text/event-stream; Q = 0": false, "text/event-stream;q=0.": false, "text/event-stream;quality=0": true,
		"text/event-streams": false, "text/event": false, "*/*": false, "": false, `"text/event-stream"`: false,
		"text/event-stream;q=0,text/event-stream":            true,
		strings.Repeat("a/b,", 30_000) + "text/event-stream": false, // longer than what any browser sends, so the rest is not read
	} {
		assert.Equal(t, want, accepts(map[string][]string{"Accept": {accept}}, "text/event-stream"), "%.60q", accept)
	}
	assert.True(t, accepts(map[string][]string{"Accept": {"a/b", "text/event-stream"}}, "text/event-stream"))
	lines := slices.Repeat([]string{"aaaa/bbbb"}, 1000)
	assert.False(t, accepts(map[string][]string{"Accept": append(lines, "text/event-stream")}, "text/event-stream"), "many lines are not read to the end, either")
	assert.Zero(t, testing.AllocsPerRun(10, func() { accepts(map[string][]string{"Accept": lines}, "text/event-stream") }))
}
