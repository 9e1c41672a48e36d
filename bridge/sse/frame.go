package sse

import (
	"bytes"
	"strconv"
	"time"
)

// MinRetry is the shortest reconnection time that is sent. A browser waits for exactly this time, without jitter or back-off: with
// `retry: 0`, one page makes 200 requests a second.
const MinRetry = 500 * time.Millisecond

// Event is one event. Its zero value is an event with empty data.
type Event struct {
	// Name is the event's type; the zero Name is delivered as "message".
	Name Name
	// Data may be any bytes. Each LF, CR or CRLF in it starts another data line, which a client reads back as LF (HTML standard,
	// 9.2.6). The stream is UTF-8, and a client replaces invalid bytes. Some browsers drop U+0000, which JSON text never contains.
	Data []byte
	// ID is the cursor that a reconnecting client presents; the zero ID leaves the client's last one as it is.
	ID ID
	// Retry is the reconnection time for the client, see [AppendRetry]. With 0, none is sent.
	Retry time.Duration
}

// AppendFrame appends e as one block, ending with its blank line:
//
//	retry: 2000
//	event: quote
//	data: {"symbol":"AAPL"}
//	id: 4711
//
// There is always a data line, because clients dispatch no event for a block without data (HTML standard, 9.2.6).
func AppendFrame(dst []byte, e Event) []byte {
	if e.Retry != 0 {
		dst = AppendRetry(dst, e.Retry)
	}
	dst = AppendHead(dst, e.Name)
	dst = appendLines(dst, e.Data)
	return AppendTail(dst, e.ID)
}

// AppendHead appends the beginning of a block up to its data: "event: quote\ndata: " or "data: ". The caller appends the data on one
// line, such as JSON without indentation, and closes the block with [AppendTail] or [AppendTailValue]. AppendHead allocates only
// where dst has no room.
func AppendHead(dst []byte, name Name) []byte {
	if name.text != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, name.text...)
		dst = append(dst, '\n')
	}
	return append(dst, "data: "...)
}

// AppendTail closes the block that [AppendHead] began: "\nid: 4711\n\n", or "\n\n" for the zero ID. It allocates only
// where dst has no room.
func AppendTail(dst []byte, id ID) []byte {
	if id.text != "" {
		dst = append(dst, "\nid: "...)
		dst = append(dst, id.text...)
	}
	return append(dst, "\n\n"...)
}

// AppendTailValue is AppendTail with the id that [EncodeID] returns for value. It allocates only where dst has no room, while EncodeID
// allocates the ID. It returns false where value cannot be an id, and closes the block without one.
func AppendTailValue(dst, value []byte) ([]byte, bool) {
	n, plain := sentLength(value)
	switch {
	case n == 0 || n > MaxIDBytes:
		return append(dst, "\n\n"...), false
	case plain:
		dst = append(append(dst, "\nid: "...), value...)
	default:
		dst = appendOpaque(append(dst, "\nid: "...), value)
	}
	return append(dst, "\n\n"...), true
}

// AppendRetry appends "retry: N\n", the time in milliseconds after which a client that lost its connection comes back,
// and at least [MinRetry]. It appends no blank line. The line belongs to the block that follows, or stands after a comment: some
// clients take a block that has nothing else for an empty event. A client honours the time as soon as it has read the line (HTML
// standard, 9.2.6).
//
// Clients with the same time come back together, so the caller adds jitter.
func AppendRetry(dst []byte, d time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(d, MinRetry).Milliseconds(), 10)
	return append(dst, '\n')
}

// appendLines appends data, each line after the first behind "data: ".
func appendLines(dst, data []byte) []byte {
	for {
		i := bytes.IndexAny(data, "\r\n")
		if i < 0 {
			return append(dst, data...)
		}
		dst = append(dst, data[:i]...)
		dst = append(dst, "\ndata: "...)
		if data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			i++
		}
		data = data[i+1:]
	}
}
