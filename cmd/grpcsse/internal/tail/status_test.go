package tail

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// On one terminal, the last line is removed before another is printed, and is drawn again behind it.
func TestTheLastLineShowsHowManyEventsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		s := NewScreen(&screen, &screen, false)
		s.width = func() int { return 42 }
		stop := s.start()
		s.state("connecting")
		s.state("")
		for range 20 {
			time.Sleep(210 * time.Millisecond) // never at a tick
			s.count(1024)
			require.NoError(t, s.event(sseclient.Event{Data: "a", ID: "4711", HasID: true, HasData: true}))
		}
		time.Sleep(tick + time.Millisecond)
		s.Say("some words")
		time.Sleep(time.Second)
		synctest.Wait()
		stop()
		text := screen.String()
		assert.Contains(t, text, "0:00  0 events  0.0/s  0 B/s  connecting")
		assert.Regexp(t, regexp.MustCompile(`0:03  1[4-8] events  [45]\.\d/s  [45]\.\d KiB/s  id`), text)
		for line := range strings.SplitSeq(text, "\x1b[K") {
			if line, ours := strings.CutSuffix(line, "\r"); ours && !strings.Contains(line, "\n") {
				assert.Less(t, len(line), 42, "the terminal is 42 wide: %q", line)
			}
		}
		assert.True(t, strings.HasSuffix(text, "\r\x1b[K"), "nothing stays of the last line")
		assert.Contains(t, text, "\r\x1b[Kgrpcsse: some words\n")
		for line := range strings.Lines(text) {
			assert.Regexp(t, `(^|\r\x1b\[K)(\S+ message id=4711 a|grpcsse: some words)\n$|\r\x1b\[K$`, line)
		}
	})
}

func TestARateIsOverTheLastSeconds(t *testing.T) {
	var m meter
	at := time.Unix(1000, 500_000_000)
	for range 10 {
		m.add(at, 10, 1000)
		at = at.Add(time.Second)
	}
	events, bytes := m.perSecond(at.Add(-time.Millisecond))
	assert.InDelta(t, 10, events, 1.1)
	assert.InDelta(t, 1000, bytes, 110)
	events, _ = m.perSecond(at.Add(time.Hour))
	assert.Zero(t, events)
}
