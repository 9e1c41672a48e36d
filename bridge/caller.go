package bridge

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
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
}

func newCaller(r *http.Request) *caller {
	c := &caller{r: r, eventSource: r.Method == http.MethodGet && accepts(r.Header, sse.ContentType)}
	if !c.eventSource && accepts(r.Header, ndjsonType) {
		c.format = lines
	}
	var err error
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id, err = queryCursor(r.URL.RawQuery)
	}
	if id == "" {
		return c
	}
	if err == nil {
		c.cursor, err = sse.DecodeID(id)
	}
	if err != nil {
		c.badCursor = id
		return c
	}
	c.hasCursor = true
	return c
}

// final reports whether the caller must not come back by itself: its request may have had an effect.
func (c *caller) final() bool { return c.r.Method == http.MethodPost }

// kept returns what of the caller a stream needs that is opened again: the headers, and neither the connection nor a context.
func (c *caller) kept() *caller {
	return &caller{r: &http.Request{Method: c.r.Method, Host: c.r.Host, Header: c.r.Header}}
}

// hasBody reports whether the request has a body. net/http notices that a client has left only after the body was read, so
// a stream must not begin before.
func (c *caller) hasBody() bool {
	return c.r.ContentLength != 0 && c.r.Body != nil && c.r.Body != http.NoBody
}

// queryCursor returns the first last_event_id of a query, without keeping the rest of it. Where its escapes are
// malformed, it is returned as it came, with an error.
func queryCursor(raw string) (string, error) {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != bind.CursorParameter {
			continue
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return value, err
		}
		return decoded, nil
	}
	return "", nil
}

// accepts reports whether an Accept header names a media type; ranges such as */* do not.
func accepts(h http.Header, want string) bool {
	for _, line := range h.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			mediaType, params, err := mime.ParseMediaType(item)
			if err == nil && mediaType == want && !isZero(params["q"]) {
				return true
			}
		}
	}
	return false
}

// isZero reports whether a quality is 0, which says "not this": it has up to three decimals (RFC 9110, 12.4.2).
func isZero(q string) bool {
	n, err := strconv.ParseFloat(q, 32)
	return err == nil && n == 0
}

// foreign reports whether a browser asks on behalf of a page of another origin. Sec-Fetch-Site is the browser's own word,
// which a proxy that rewrites Host leaves true; where it is missing, Origin is held against Host.
func (c *caller) foreign() bool {
	switch c.r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "cross-site", "same-site":
		return true
	}
	origin := c.r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, c.r.Host)
}
