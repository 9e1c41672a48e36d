// Package sse writes the text/event-stream format, and nothing else: no HTTP, no clock, no goroutine.
//
// An event is one block of lines that ends with a blank line:
//
//	event: quote
//	data: {"symbol":"AAPL","price":189.5}
//	id: 4711
//
// What a block can hold is decided by types that cannot be wrong: an [ID] or a [Name], once built, contains no line
// break and no control character, so no value that comes from a message can begin a line of its own.
//
// The order of the lines is fixed. The id stands last, because one widely used client
// (@microsoft/fetch-event-source) takes an id as soon as it has read its line: were it first, a connection that breaks
// within the block would lose the event on resumption. An id only ever stands in a block with data, because browsers
// disagree about one that stands alone.
//
// The format is section 9.2, "Server-sent events", of the WHATWG HTML standard
// (https://html.spec.whatwg.org/multipage/server-sent-events.html); 9.2.5 is the grammar of a stream, 9.2.6 is how a
// client reads it.
//
// All functions and types may be used concurrently.
package sse

// ContentType is the media type of a stream. It takes no charset parameter: the format is UTF-8 by definition
// (HTML standard, 9.2.5), and Chromium refuses a stream that names another one.
const ContentType = "text/event-stream"

// Heartbeat is a comment without text. It keeps proxies and write deadlines awake, and every known client ignores it
// between two blocks. It is not followed by a blank line: after a comment, one reaches some clients as an empty event.
const Heartbeat = ":\n"
