// Package sse writes the text/event-stream format, and nothing else: no HTTP, no clock, no goroutine.
//
// An event is one block of lines that ends with a blank line:
//
//	event: quote
//	data: {"symbol":"AAPL","price":189.5}
//	id: 4711
//
// An [ID] and a [Name] contain no line break and no control character, so no value that comes from a message can start another
// line.
//
// The order of the lines is fixed, with the id last. One widely used client (@microsoft/fetch-event-source) takes an id as soon as
// it has read the line. If the id came first, that client would lose the event when its connection breaks within the block. An
// id is only sent in a block with data, because browsers disagree about a block that has an id alone.
//
// The format is section 9.2, "Server-sent events", of the WHATWG HTML standard
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Section 9.2.5 is the grammar of a stream, and 9.2.6 says how
// a client reads it.
//
// All functions and types may be used concurrently.
package sse

// ContentType is the media type of a stream. It takes no charset parameter: the format is UTF-8 by definition
// (HTML standard, 9.2.5), and Chromium refuses a stream that names another one.
const ContentType = "text/event-stream"

// Heartbeat is a comment without text. It keeps proxies from closing a quiet connection, and every known client ignores it between
// two blocks. No blank line follows the comment, because some clients would take the two for an empty event.
const Heartbeat = ":\n"
