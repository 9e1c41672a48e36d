package request

import (
	"net/http"
	"slices"
	"strings"
)

// Head is the host and the headers of a request. The metadata of a call and the references of a configuration are read from it.
type Head struct {
	Host   string
	Header http.Header
}

// Keep returns a copy that has only the headers with the given names. A stream that is opened again keeps such a copy, so
// that it does not hold the whole request in memory.
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

// Reference returns the value of a header or of a cookie to which a configuration refers as "header.name" or "cookie.name",
// with the name of a header in lower case. One that was sent more than once has no value: the bridge and a proxy in front of
// it could take different ones of the values.
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
