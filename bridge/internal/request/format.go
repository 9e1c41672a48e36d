package request

import (
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Format is how a stream is written to a client.
type Format int

// The formats that a client can ask for.
const (
	EventStream Format = iota // text/event-stream
	Lines                     // application/x-ndjson: one JSON message a line, and nothing else
)

const ndjsonType = "application/x-ndjson"

// ContentType returns the media type of the format.
func (f Format) ContentType() string {
	if f == Lines {
		return ndjsonType
	}
	return sse.ContentType
}
