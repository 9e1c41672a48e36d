package bridge

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// caller is who asks, as far as the request itself tells.
type caller struct {
	r *http.Request
	// eventSource is true for a GET whose Accept names text/event-stream, as every EventSource sends it.
	eventSource bool
	format      format
	form        frame.Form // how a stream stands on the connection
	bodyRead    bool       // whether reading the body was begun
	// cursor is the decoded id of the last event that the caller has; hasCursor says that there is one.
	cursor    string
	hasCursor bool
	// badCursor is an id as it came, that no event can have had; "" where there is none.
	badCursor string
	// ended is true for a client that comes back by itself after a stream that was over.
	ended bool
}

func newCaller(r *http.Request) *caller {
	c := &caller{r: r, eventSource: r.Method == http.MethodGet && accepts(r.Header, sse.ContentType)}
	if !c.eventSource && accepts(r.Header, ndjsonType) {
		c.format = lines
	}
	c.presents(presentedBy(r.Header.Get("Last-Event-ID"), r.URL.RawQuery))
	return c
}

// presents takes note of the last id that the caller has had.
func (c *caller) presents(p presented) {
	switch {
	case p.end:
		c.ended = true
		return
	case p.id == "":
		return
	case p.err == nil:
		c.cursor, p.err = sse.DecodeID(p.id)
	}
	if p.err != nil {
		c.badCursor = p.id
		return
	}
	c.hasCursor = true
}

// final reports whether the caller must not come back by itself: its request may have had an effect.
func (c *caller) final() bool { return c.r.Method == http.MethodPost }

// hasBody reports whether the request has a body. net/http notices that a client has left only after the body was read, so
// a stream must not begin before.
func (c *caller) hasBody() bool {
	return c.r.ContentLength != 0 && c.r.Body != nil && c.r.Body != http.NoBody
}
