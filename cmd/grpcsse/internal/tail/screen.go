package tail

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// Screen prints events on standard output and words on standard error. Where standard error is a terminal, its last line
// shows how many events arrive. It is safe for concurrent use.
type Screen struct {
	json   bool
	colour bool
	out    io.Writer
	words  io.Writer
	width  func() int // of the terminal of words; nil where words is no terminal

	mu     sync.Mutex
	begun  time.Time
	events int       // guarded by mu
	cursor string    // guarded by mu
	now    string    // guarded by mu; what is waited for, empty while there is a stream
	rate   meter     // guarded by mu
	shown  bool      // guarded by mu; the last line is on the terminal
	drawn  time.Time // guarded by mu
}

// NewScreen returns a screen. json asks for one JSON object a line instead of text.
func NewScreen(out, words io.Writer, json bool) *Screen {
	s := &Screen{json: json, out: out, words: words, begun: time.Now()}
	dumb := os.Getenv("TERM") == "dumb"
	if f := terminalOf(words); f != nil && !dumb {
		s.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil || width <= 0 {
				return 80
			}
			return width
		}
	}
	s.colour = terminalOf(out) != nil && !dumb && os.Getenv("NO_COLOR") == ""
	return s
}

// terminalOf returns w where it is a terminal.
func terminalOf(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// Say prints a line for people. An error of the write is ignored, because there is no other place to report it.
func (s *Screen) Say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	_, _ = fmt.Fprintf(s.words, "grpcsse: "+format+"\n", args...)
}

// state sets what is waited for.
func (s *Screen) state(now string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
	s.draw()
}

// total returns how many events were printed.
func (s *Screen) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

// count adds bytes to the rate.
func (s *Screen) count(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate.add(time.Now(), 0, bytes)
}

// event prints an event.
func (s *Screen) event(e sseclient.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.events++
	s.rate.add(now, 1, 0)
	if e.HasID {
		s.cursor = e.ID
	}
	line, err := s.line(e, now)
	if err != nil {
		return err
	}
	s.clear()
	if _, err := s.out.Write(line); err != nil {
		return err
	}
	if now.Sub(s.drawn) >= redraw {
		s.draw()
	}
	return nil
}

// record is an event as JSON.
type record struct {
	Time  string  `json:"time"`
	Event string  `json:"event"`
	ID    *string `json:"id,omitempty"`
	Data  string  `json:"data"`
}

// line returns an event as it is printed.
func (s *Screen) line(e sseclient.Event, at time.Time) ([]byte, error) {
	name := e.Name
	if name == "" {
		name = "message"
	}
	if s.json {
		r := record{Time: at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Event: name, Data: e.Data}
		if e.HasID {
			r.ID = &e.ID
		}
		text, err := printable.JSON(r)
		return append(text, '\n'), err
	}
	line := s.paint(dim, at.Format("15:04:05.000")) + " " + s.paint(bold, printable.Line(name))
	if e.HasID {
		line += " " + s.paint(dim, "id="+printable.Line(e.ID))
	}
	data := strings.ReplaceAll(printable.Lines(e.Data), "\n", "\n    ") // so that no data looks like an event
	return []byte(line + " " + data + "\n"), nil
}

const (
	dim  = "\x1b[2m"
	bold = "\x1b[1m"
)

func (s *Screen) paint(how, text string) string {
	if !s.colour {
		return text
	}
	return how + text + "\x1b[0m"
}
