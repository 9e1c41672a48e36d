package request

import (
	"net/url"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Cursor is the id of the last event that a client has had. The zero Cursor is none.
type Cursor struct {
	// ID is the id as the client sent it, "" where it sent none.
	ID string
	// Valid says that an event can have had the id; Value is what the id carries then.
	Valid bool
	Value string
}

// presented is the id that a client presents as the last one it has had.
type presented struct {
	id  string // as it came, "" where there is none
	err error  // not nil where the id cannot be read
	end bool   // whether it is the id of a final end, which asks for no stream
}

// presentedBy returns the id of a request. The header wins, since an EventSource keeps its URL at a reconnect.
func presentedBy(header, rawQuery string) presented {
	if header != "" {
		return presented{id: header, end: header == sse.EndID}
	}
	return queryID(rawQuery)
}

// queryID returns the last id in a query, since clients that add one to a URL add it at the end. A parameter without a value says nothing.
//
// As an end, only the parameter of the polyfills counts: they can send nothing else. The other one would let a page link to a
// stream that is dead from the beginning, so an end in it counts for nothing.
func queryID(raw string) (found presented) {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || !strings.ContainsAny(name, "lL%") { // most parameters are not unescaped for nothing
			continue
		}
		name, err := url.QueryUnescape(name)
		if err != nil || name != bind.CursorParameter && name != bind.CursorParameterJS {
			continue
		}
		id, err := url.QueryUnescape(value)
		switch {
		case err != nil:
			found = presented{id: value, err: err}
		case id != sse.EndID:
			found = presented{id: id}
		case name == bind.CursorParameterJS:
			found = presented{id: id, end: true}
		}
	}
	return found
}
