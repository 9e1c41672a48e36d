package request

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Request is who asks, as far as the request itself tells.
type Request struct {
	HTTP *http.Request
	Head Head
	r    *http.Request
	// EventSource is true for a GET whose Accept names text/event-stream, as every EventSource sends it.
	EventSource bool
	Format      Format
	bodyRead    bool // whether reading the body was begun
	Cursor      Cursor
	// AfterEnd is true for a client that comes back by itself after a stream that was over.
	AfterEnd bool
}

// New reads a request, apart from its body.
func New(r *http.Request) *Request {
	c := &Request{HTTP: r, Head: Head{r.Host, r.Header}, r: r, EventSource: r.Method == http.MethodGet && accepts(r.Header, sse.ContentType)}
	if !c.EventSource && accepts(r.Header, ndjsonType) {
		c.Format = Lines
	}
	c.presents(presentedBy(r.Header.Get("Last-Event-ID"), r.URL.RawQuery))
	return c
}

// presents takes note of the last id that the caller has had.
func (c *Request) presents(p presented) {
	switch {
	case p.end:
		c.AfterEnd = true
		return
	case p.id == "":
		return
	case p.err == nil:
		c.Cursor.Value, p.err = sse.DecodeID(p.id)
	}
	c.Cursor.ID, c.Cursor.Valid = p.id, p.err == nil
}

// Final reports whether the caller must not come back by itself: its request may have had an effect.
func (c *Request) Final() bool { return c.r.Method == http.MethodPost }

// HasBody reports whether the request has a body. net/http notices that a client has left only after the body was read, so
// a stream must not begin before.
func (c *Request) HasBody() bool {
	return c.r.ContentLength != 0 && c.r.Body != nil && c.r.Body != http.NoBody
}
