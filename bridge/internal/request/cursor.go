package request

import (
	"net/url"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Cursor is the id of the last event that a client says it has received. The zero Cursor stands for no id.
type Cursor struct {
	// ID is the id as the client sent it, "" where it sent none. It may be hostile, and of any length.
	ID string
	// Valid says that the id has the form of an event's id.
	Valid bool
	// Value is the value that a valid id carries, and "" otherwise.
	Value string
}

// readCursor returns the cursor of a request. ended reports that the client presents the id of a final end instead. The header
// wins over the query, since an EventSource keeps its URL when it reconnects.
func readCursor(header, rawQuery string) (c Cursor, ended bool) {
	if header == "" {
		return queryCursor(rawQuery)
	}
	if header == sse.EndID {
		return Cursor{}, true
	}
	return newCursor(header), false
}

func newCursor(id string) Cursor {
	value, err := sse.DecodeID(id)
	return Cursor{ID: id, Valid: err == nil, Value: value}
}

// queryCursor returns the cursor of a query. Of several parameters the last one counts, since a client that adds one to a URL
// adds it at the end. A parameter without a value is ignored.
//
// The id of an end counts only in the parameter that polyfills add, which cannot send a header. In the other parameter it is
// ignored: otherwise a page could link to a stream that is over from the beginning.
func queryCursor(raw string) (found Cursor, ended bool) {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || !strings.ContainsAny(name, "l%") { // both names have an l, which may be escaped
			continue
		}
		name, err := url.QueryUnescape(name)
		if err != nil || name != bind.CursorParameter && name != bind.CursorParameterJS {
			continue
		}
		id, err := url.QueryUnescape(value)
		switch {
		case err != nil:
			found, ended = Cursor{ID: value}, false
		case id != sse.EndID:
			found, ended = newCursor(id), false
		case name == bind.CursorParameterJS:
			found, ended = Cursor{}, true
		}
	}
	return found, ended
}
