package tail

import (
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
)

const (
	redraw = 100 * time.Millisecond // the least time between the drawings of the last line for two events
	tick   = 250 * time.Millisecond // the time between two drawings while nothing happens
)

// start keeps the last line of the terminal up to date until the returned function is called, which removes the line.
func (s *Screen) start() (stop func()) {
	if s.width == nil {
		return func() {}
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				s.mu.Lock()
				s.draw()
				s.mu.Unlock()
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clear()
		s.width = nil
	}
}

// draw writes the last line. The caller holds mu.
func (s *Screen) draw() {
	if s.width == nil {
		return
	}
	s.drawn = time.Now()
	line := []rune(s.summary(s.drawn))
	line = line[:min(len(line), max(0, s.width()-1))]
	_, _ = fmt.Fprintf(s.words, "\r\x1b[K%s", string(line)) // the line is for people, and it is drawn again
	s.shown = true
}

// clear removes the last line, so that another can be printed. The caller holds mu.
func (s *Screen) clear() {
	if s.shown {
		_, _ = fmt.Fprint(s.words, "\r\x1b[K")
		s.shown = false
	}
}

// summary returns the last line. The caller holds mu.
func (s *Screen) summary(now time.Time) string {
	events, bytes := s.rate.perSecond(now)
	line := fmt.Sprintf("%s  %s  %.1f/s  %s/s", clock(now.Sub(s.begun)), plural(s.events, "event"), events, size(bytes))
	if s.cursor != "" && utf8.RuneCountInString(s.cursor) <= 40 {
		line += "  id " + printable.Line(s.cursor)
	}
	if s.now != "" {
		line += "  " + s.now
	}
	return line
}

// clock returns a time as minutes and seconds.
func clock(d time.Duration) string {
	seconds := int(d.Seconds())
	if seconds < 3600 {
		return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

// size returns a number of bytes.
func size(bytes float64) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", bytes/(1<<10))
	}
	return fmt.Sprintf("%.0f B", bytes)
}

// meter has the numbers of events and bytes of each of the last seconds.
type meter struct {
	started time.Time
	second  int64 // the newest
	events  [window]int
	bytes   [window]int
}

// window is over how many seconds a rate is taken, with the one that has not ended yet.
const window = 6

func (m *meter) add(now time.Time, events, bytes int) {
	m.advance(now)
	m.events[m.second%window] += events
	m.bytes[m.second%window] += bytes
}

// advance forgets what is older than the window.
func (m *meter) advance(now time.Time) {
	second := now.Unix()
	if m.started.IsZero() {
		m.started, m.second = now, second
	}
	for m.second = max(m.second, second-window); m.second < second; {
		m.second++
		m.events[m.second%window], m.bytes[m.second%window] = 0, 0
	}
}

// perSecond returns the rates over the whole seconds of the window, and over what there is of them at the beginning.
func (m *meter) perSecond(now time.Time) (events, bytes float64) {
	m.advance(now)
	for i := range window {
		events += float64(m.events[i])
		bytes += float64(m.bytes[i])
	}
	whole := window - 1 + float64(now.Nanosecond())/1e9
	span := max(1, min(whole, now.Sub(m.started).Seconds()))
	return events / span, bytes / span
}
