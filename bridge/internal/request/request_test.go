package request

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// newRequest reads a request with headers, which are given as names and values in turn.
func newRequest(method, target string, header ...string) *Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return New(r)
}

func TestTheFormatIsThatOfTheAcceptHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		method      string
		accept      string
		eventSource bool
		contentType string
	}{
		"an EventSource":           {http.MethodGet, "text/event-stream", true, "text/event-stream"},
		"curl":                     {http.MethodGet, "*/*", false, "text/event-stream"},
		"no header":                {http.MethodGet, "", false, "text/event-stream"},
		"lines":                    {http.MethodGet, "application/x-ndjson", false, "application/x-ndjson"},
		"lines of a POST":          {http.MethodPost, "application/x-ndjson", false, "application/x-ndjson"},
		"both":                     {http.MethodGet, "application/x-ndjson, text/event-stream", true, "text/event-stream"},
		"both in a POST":           {http.MethodPost, "application/x-ndjson, text/event-stream", false, "application/x-ndjson"},
		"events from a POST":       {http.MethodPost, "text/event-stream", false, "text/event-stream"},
		"HEAD":                     {http.MethodHead, "text/event-stream", false, "text/event-stream"},
		"NDJSON with the weight 0": {http.MethodGet, "application/x-ndjson;q=0", false, "text/event-stream"},
	} {
		r := newRequest(tt.method, "/", "Accept", tt.accept)
		assert.Equal(t, tt.eventSource, r.EventSource, name)
		assert.Equal(t, tt.contentType, r.Format.ContentType(), name)
	}
}

func TestOnlyAPOSTIsMadeOnce(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut} {
		assert.Equal(t, method == http.MethodPost, newRequest(method, "/").Once(), method)
	}
}

func TestWhichRequestsHaveABody(t *testing.T) {
	for name, tt := range map[string]struct {
		body   *strings.Reader
		length int64
		want   bool
	}{
		"no body":            {nil, 0, false},
		"a length":           {strings.NewReader("{}"), 2, true},
		"a length of 0":      {strings.NewReader(""), 0, false},
		"an unknown length":  {strings.NewReader("{}"), -1, true},
		"a length, no bytes": {nil, 2, false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if tt.body != nil {
			r = httptest.NewRequest(http.MethodPost, "/", tt.body)
		}
		r.ContentLength = tt.length
		assert.Equal(t, tt.want, New(r).HasBody(), name)
		if tt.body == nil {
			r.Body = nil
			assert.Equal(t, tt.want, New(r).HasBody(), name)
		}
	}
}
