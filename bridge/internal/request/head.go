package request

import (
	"net/http"
	"slices"
	"strings"
)

// Head is the host and the headers of a request: all that the metadata of a call, and references of a configuration, are read
// from.
type Head struct {
	Host   string
	Header http.Header
}

// Keep returns a copy with the named headers only. It shares no memory with the request, apart from the text of the values.
func (h Head) Keep(names []string) Head {
	header := make(http.Header)
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if values := h.Header[name]; len(values) > 0 {
			header[name] = slices.Clone(values)
		}
	}
	return Head{Host: h.Host, Header: header}
}

// Reference looks up what a configuration refers to in a request: "header.NAME" or "cookie.NAME". Something that was
// sent more than once has no value: a proxy and its client could mean different things by it.
func (h Head) Reference(ref string) (value string, ok bool) {
	kind, name, _ := strings.Cut(ref, ".")
	var values []string
	switch kind {
	case "header":
		values = h.Header.Values(name)
		if name == "host" {
			values = []string{h.Host}
		}
	case "cookie":
		for _, cookie := range (&http.Request{Header: h.Header}).CookiesNamed(name) {
			values = append(values, cookie.Value)
		}
	}
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}
