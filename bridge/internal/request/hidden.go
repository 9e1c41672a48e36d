package request

import (
	"net/url"
	"slices"
	"strings"
)

// HideParameters makes the query parameters with these names invisible to all that reads HTTP: they are not bound, forwarded or
// logged. [Request.Query] still has them. Each call takes back what the call before has hidden.
func (r *Request) HideParameters(names []string) {
	if r.whole == nil {
		r.whole = r.HTTP
	}
	r.HTTP = r.whole
	if len(names) == 0 || r.whole.URL.RawQuery == "" {
		return
	}
	visible, hidden := withoutParameters(r.whole.URL.RawQuery, names)
	if !hidden {
		return
	}
	address, copied := *r.whole.URL, *r.whole
	address.RawQuery = visible
	copied.URL, copied.RequestURI = &address, address.RequestURI()
	r.HTTP = &copied
}

// Query returns the query as the client sent it, with the parameters that are hidden.
func (r *Request) Query() string {
	if r.whole != nil {
		return r.whole.URL.RawQuery
	}
	return r.HTTP.URL.RawQuery
}

// withoutParameters returns a query without the parameters with these names, however the names are escaped, and reports whether
// there were any.
func withoutParameters(rawQuery string, names []string) (visible string, hidden bool) {
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		rawName, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err == nil && slices.Contains(names, name) {
			hidden = true
			continue
		}
		kept = append(kept, pair)
	}
	if !hidden {
		return rawQuery, false
	}
	return strings.Join(kept, "&"), true
}
