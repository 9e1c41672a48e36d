package request

import (
	"net/http"
	"strings"
)

// maxAccept is how much of an Accept header is read, in bytes. That of a browser has a few hundred.
const maxAccept = 4 << 10

// accepts reports whether an Accept header names a media type, with a quality above 0 (RFC 9110, 12.5.1). Ranges such as */*
// name none. A list with a mistake in it is read as far as it can be.
func accepts(h http.Header, want string) bool {
	left := maxAccept
	for _, line := range h.Values("Accept") {
		line = line[:min(len(line), left)]
		left -= len(line)
		for len(line) > 0 {
			var element string
			element, line = cutUnquoted(line, ',')
			mediaType, parameters := cutUnquoted(element, ';')
			if strings.EqualFold(strings.Trim(mediaType, " \t"), want) && !refuses(parameters) {
				return true
			}
		}
	}
	return false
}

// refuses reports whether the parameters of a media type have a quality of 0, which says "not this".
func refuses(parameters string) bool {
	for len(parameters) > 0 {
		var parameter string
		parameter, parameters = cutUnquoted(parameters, ';')
		name, value, _ := strings.Cut(parameter, "=")
		if value = strings.Trim(value, " \t"); strings.EqualFold(strings.Trim(name, " \t"), "q") && value != "" {
			return strings.Trim(strings.Replace(value, ".", "", 1), "0") == ""
		}
	}
	return false
}

// cutUnquoted cuts text at the first separator that stands in no quoted string.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}
