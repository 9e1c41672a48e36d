// Package access writes the access log: one line at the end of each stream, and for each request that gets none. Above a rate,
// it writes only a share of the lines. What a client sends cannot end a line, control a terminal or add a part to a line.
package access

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Kind says what a line is about. It is the message of the line.
type Kind string

// The kinds of lines.
const (
	// Stream is a stream that has ended.
	Stream Kind = "stream"
	// Refused is a request that got no stream, or a stream that held nothing but an error.
	Refused Kind = "refused"
	// Answered is a request that asked for no stream: HEAD, a CORS preflight, or the reconnect after a final end.
	Answered Kind = "answered"
)

// Record is what one line says. A field with its zero value is left out, unless a comment says otherwise.
type Record struct {
	Kind   Kind
	Route  string // the name of the route
	Client netip.Addr
	// Method may be anything that a client sends.
	Method   string
	Protocol string // such as "HTTP/1.1"
	Status   int    // of HTTP
	Code     ending.Code
	Reason   ending.Reason
	Limit    ending.Limit
	// Duration is the time from the arrival of the request. Duration, Code, Events and Bytes are always written.
	Duration time.Duration
	Events   int
	Bytes    int64          // of the body
	Resumed  ending.Resumed // written for a stream only, and always there
	TraceID  string
	// Path and Query are the result of [Path] and [Query].
	Path, Query string
}

// attributes returns the parts of the line. leftOut is the number of lines that were left out before this one.
func (r *Record) attributes(leftOut int) []any {
	attributes := make([]any, 0, 20)
	add := func(present bool, a slog.Attr) {
		if present {
			attributes = append(attributes, a)
		}
	}
	stream := r.Kind == Stream
	add(r.Route != "", slog.String("route", r.Route))
	add(r.Client.IsValid(), slog.String("client", r.Client.String()))
	add(r.Method != "", slog.String("method", clean(r.Method, maxMethod)))
	add(r.Protocol != "", slog.String("protocol", r.Protocol))
	add(r.Status != 0, slog.Int("status", r.Status))
	add(true, slog.String("code", r.Code.String()))
	add(r.Reason != "", slog.String("reason", string(r.Reason)))
	add(r.Limit != ending.NoLimit, slog.String("limit", string(r.Limit)))
	add(true, slog.Duration("duration", r.Duration.Round(time.Microsecond)))
	add(true, slog.Int("events", r.Events))
	add(true, slog.Int64("bytes", r.Bytes))
	add(stream, slog.String("resumed", r.Resumed.From.String()))
	add(stream && r.Resumed.Reset != ending.NoReset, slog.String("reset", r.Resumed.Reset.String()))
	add(r.TraceID != "", slog.String("trace_id", r.TraceID))
	add(r.Path != "", slog.String("path", r.Path))
	add(r.Query != "", slog.String("query", r.Query))
	add(leftOut > 0, slog.Int("left_out", leftOut))
	return attributes
}
