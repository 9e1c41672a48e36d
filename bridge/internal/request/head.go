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
	// Claims are what is known of the caller, nil where the caller is not authenticated.
	Claims Claims
}

// Claims are what is known of an authenticated caller. Claims may be read concurrently.
type Claims interface {
	// Claim returns the text of a claim. It reports false where the caller does not have the claim, and where the claim has no
	// text because it is a list or an object.
	Claim(name string) (text string, ok bool)
}

// ClaimTexts are claims by their names.
type ClaimTexts map[string]string

// Claim implements [Claims].
func (c ClaimTexts) Claim(name string) (string, bool) {
	text, ok := c[name]
	return text, ok
}

// Keep returns a copy that has only the headers and the claims with the given names. A stream that is opened again keeps such a
// copy, so that it does not hold the whole request in memory.
func (h Head) Keep(headers, claims []string) Head {
	var header http.Header // most routes read none
	for _, name := range headers {
		name = http.CanonicalHeaderKey(name)
		if values := h.Header[name]; len(values) > 0 {
			if header == nil {
				header = http.Header{}
			}
			header[name] = slices.Clone(values)
		}
	}
	kept := Head{Host: h.Host, Header: header}
	if h.Claims == nil || len(claims) == 0 {
		return kept
	}
	texts := make(ClaimTexts, len(claims))
	for _, name := range claims {
		if text, ok := h.Claims.Claim(name); ok {
			texts[name] = text
		}
	}
	kept.Claims = texts
	return kept
}

// Reference returns the value of a header, a cookie or a claim to which a configuration refers as "header.name", "cookie.name" or
// "claim.name", with the name of a header in lower case. A header or a cookie that was sent more than once has no value: the
// bridge and a proxy in front of it could take different ones of the values.
func (h Head) Reference(ref string) (value string, ok bool) {
	kind, name, _ := strings.Cut(ref, ".")
	var values []string
	switch kind {
	case "claim":
		if h.Claims == nil {
			return "", false
		}
		return h.Claims.Claim(name)
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
