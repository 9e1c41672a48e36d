package request

import (
	"net/http"
	"strings"
)

// maxAccept is how much of the Accept headers is read, in bytes. A browser sends a few hundred.
const maxAccept = 4 << 10

// accepts reports whether an Accept header names the media type want, with a quality above 0 (RFC 9110, 12.5.1). A range such
// as */* names no media type. A mistake in one element does not hide the others, unless a quote is left open.
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

// refuses reports whether the parameters of a media type set its quality to 0, which means that the client refuses the type.
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

// cutUnquoted cuts text at the first separator outside quoted strings.
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
