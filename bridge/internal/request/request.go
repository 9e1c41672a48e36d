package request

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Request is what one HTTP request says. Apart from Subject, Span, Head.Claims and what [Request.HideParameters] does to HTTP, its
// fields do not change after [New]. One goroutine uses it.
type Request struct {
	HTTP *http.Request
	Head Head
	// Arrived is when the request was read.
	Arrived time.Time
	// Span is the server span of the request. It is nil where there is no tracing.
	Span *tracing.Span
	// Client is the address of the client, as a trusted proxy tells it or else that of the connection. An IPv4 address is never
	// written as IPv6, and there is no zone. Client is the zero Addr where the connection has no IP address.
	Client netip.Addr
	// EventSource is true for a GET whose Accept names text/event-stream. Every EventSource sends such a request.
	EventSource bool
	// Format is the format of a stream that answers the request.
	Format Format
	// Cursor is where the client wants the stream to go on.
	Cursor Cursor
	// Subject identifies the caller among the callers of all routes. It is "" for a caller that is not authenticated, and is set
	// before the caller is counted.
	Subject string
	// AfterEnd is true where the client presents the id of a final end: an EventSource sends it when it reconnects after the end.
	AfterEnd bool

	origin   forwarded
	whole    *http.Request // the request with the parameters that HTTP lacks; nil where none were ever hidden
	bodyRead bool          // whether reading the body has begun
}

// New reads a request, apart from its body. It believes no proxy.
func New(r *http.Request) *Request { return NewBehind(Proxies{}, r) }

// NewBehind does the same as New, and believes what trusted proxies say about the client.
func NewBehind(trusted Proxies, r *http.Request) *Request {
	req := &Request{HTTP: r, Head: Head{Host: r.Host, Header: r.Header}, origin: trusted.origin(r), Arrived: time.Now()}
	req.Client = req.origin.client
	req.EventSource = r.Method == http.MethodGet && accepts(r.Header, sse.ContentType)
	if !req.EventSource && accepts(r.Header, ndjsonType) {
		req.Format = Lines
	}
	req.Cursor, req.AfterEnd = readCursor(r.Header.Get("Last-Event-ID"), r.URL.RawQuery)
	return req
}

// Host returns the host that the client asked for, with its port: that of the header Host, or the one that a trusted proxy names.
func (r *Request) Host() string { return r.origin.host }

// Once reports whether the client must not repeat the request by itself, because the request may have had an effect.
func (r *Request) Once() bool { return r.HTTP.Method == http.MethodPost }

// HasBody reports whether the request has a body. net/http notices that a client has left only after the body was read, so
// the body must be read before a stream begins.
func (r *Request) HasBody() bool {
	return r.HTTP.ContentLength != 0 && r.HTTP.Body != nil && r.HTTP.Body != http.NoBody
}
