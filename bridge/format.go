package bridge

import (
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// format is how a stream is written to a caller.
type format int

const (
	eventStream format = iota // text/event-stream
	lines                     // application/x-ndjson: one JSON message a line, and nothing else
)

const ndjsonType = "application/x-ndjson"

func (f format) contentType() string {
	if f == lines {
		return ndjsonType
	}
	return sse.ContentType
}
