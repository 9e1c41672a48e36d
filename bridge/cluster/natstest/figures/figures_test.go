package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheTableSaysWhichFiguresAreMissed(t *testing.T) {
	l := &lab{}
	l.note("a note", "%d", 7)
	atMost(l, "reached", 300*time.Millisecond, 300*time.Millisecond, duration, "")
	var text strings.Builder
	assert.True(t, l.print(&text))
	atMost(l, "not reached", 1.2, 1.21, ratio, " each")
	text.Reset()
	assert.False(t, l.print(&text))
	assert.Contains(t, text.String(), "| reached | ≤ 300ms | 300ms |\n| not reached | ≤ 1.20 × | 1.21 × each (missed) |\n")
}

func TestQuantiles(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	assert.Equal(t, 3, median(values))
	assert.Equal(t, 5, quantile(values, 1))
	assert.Equal(t, 1, quantile(values, 0))
	assert.Zero(t, quantile([]int{}, 0.5))
}

// A page counts what is lost, repeated or told beside the events.
func TestAPageCountsWhatIsWrong(t *testing.T) {
	for text, faults := range map[string]int{
		"id: 1\ndata: a\n\nid: 2\ndata: b\n\n":                          0,
		"retry: 2000\n\n:\n\nid: 7\ndata: a\n\n:\n\nid: 8\ndata: b\n\n": 0,
		"id: 1\ndata: a\n\nid: 3\ndata: b\n\n":                          1,
		"id: 1\ndata: a\n\nid: 1\ndata: b\n\n":                          1,
		"id: 1\ndata: a\n\nevent: grpc-reset\ndata: {}\n\n":             1,
	} {
		p := &page{done: make(chan struct{})}
		first := make(chan struct{})
		p.read(io.NopCloser(strings.NewReader(text)), first)
		assert.Equal(t, faults, p.faults(), "%q", text)
		since, all := p.received(1)
		require.NotEmpty(t, p.arrivals)
		assert.Len(t, p.arrivals, all)
		assert.LessOrEqual(t, len(since), all)
		<-first
	}
}
