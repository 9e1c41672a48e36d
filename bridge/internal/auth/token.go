package auth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// maxToken bounds a token, in bytes. The tokens of large providers have up to 8 KiB.
const maxToken = 16 << 10

// findToken returns the token of a request: that of the first place that has one. text is "" where no place has a token.
// refusal says why a place cannot be read.
func findToken(
	h http.Header, rawQuery string, places []config.TokenSource,
) (text string, in config.TokenPlace, refusal string) {
	for _, place := range places {
		switch place.In {
		case config.InHeader:
			text, refusal = bearer(h)
		case config.InCookie:
			text, refusal = cookie(h, place.Name)
		case config.InQuery:
			text, refusal = parameter(rawQuery, place.Name)
		}
		if text != "" || refusal != "" {
			return text, place.In, refusal
		}
	}
	return "", "", ""
}

// bearer returns the token in the header Authorization (RFC 6750, 2.1). A header with another scheme has no token.
func bearer(h http.Header) (text, refusal string) {
	switch values := h.Values("Authorization"); len(values) {
	case 0:
		return "", ""
	case 1:
		scheme, token, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", ""
		}
		if token = strings.Trim(token, " \t"); token == "" {
			return "", "expected a token behind Bearer in the header Authorization, found none"
		}
		return token, ""
	}
	return "", "expected one header Authorization, found several"
}

func cookie(h http.Header, name string) (text, refusal string) {
	switch cookies := (&http.Request{Header: h}).CookiesNamed(name); len(cookies) {
	case 0:
		return "", ""
	case 1:
		return cookies[0].Value, ""
	}
	return "", "expected one cookie with the token, found several"
}

func parameter(rawQuery, name string) (text, refusal string) {
	found := 0
	for pair := range strings.SplitSeq(rawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(rawName)
		if err != nil || decoded != name {
			continue
		}
		found++
		if text, err = url.QueryUnescape(rawValue); err != nil {
			return "", "expected two hexadecimal digits after each % of the token in the query"
		}
	}
	if found > 1 {
		return "", "expected one token in the query, found several"
	}
	return text, ""
}
