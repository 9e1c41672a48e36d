package bridgetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Event is one event of a stream.
type Event struct {
	// Name is the value of `event:`, "" for an event that a page receives by onmessage.
	Name string
	// Data is the value of `data:`: one JSON value, where the event comes from a bridge.
	Data string
	// ID is the value of `id:` in the event itself, "" where it has none.
	ID string
}

// Decode reads the JSON of the event into v, as [json.Unmarshal] does.
func (e Event) Decode(v any) error { return json.Unmarshal([]byte(e.Data), v) }

// String describes the event for the text of a failure.
func (e Event) String() string {
	name := e.Name
	if name == "" {
		name = "message"
	}
	if e.ID != "" {
		return fmt.Sprintf("event %s, id %s: %s", name, e.ID, cut(e.Data))
	}
	return fmt.Sprintf("event %s: %s", name, cut(e.Data))
}

// cut shortens a text for a failure.
func cut(text string) string {
	const most = 500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// mostLine bounds one line of a stream.
const mostLine = 64 << 20

// parser reads the format text/event-stream.
type parser struct{ lines *bufio.Scanner }

func newParser(r io.Reader) *parser {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	lines.Split(splitLines)
	return &parser{lines}
}

// next returns the next event, or io.EOF at the end of the stream. An end within a block is [io.ErrUnexpectedEOF].
func (p *parser) next() (Event, error) {
	var e Event
	var data []string
	begun := false
	for p.lines.Scan() {
		line := p.lines.Text()
		if line == "" {
			if data != nil {
				e.Data = strings.Join(data, "\n")
				return e, nil
			}
			e, begun = Event{}, false
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		begun = begun || name != "" // a comment begins no block
		switch name {
		case "event":
			e.Name = value
		case "data":
			data = append(data, value)
		case "id":
			e.ID = value
		}
	}
	switch err := p.lines.Err(); {
	case err != nil:
		return Event{}, err
	case begun:
		return Event{}, io.ErrUnexpectedEOF
	default:
		return Event{}, io.EOF
	}
}

// splitLines splits at LF, CR LF and CR. It drops a last line without an end, as a browser does.
func splitLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return 0, nil, io.ErrUnexpectedEOF
	case i < 0:
		return 0, nil, nil
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i], nil
	case i+1 < len(data) || atEOF:
		return i + 1, data[:i], nil
	}
	return 0, nil, nil // what comes after the CR decides
}
