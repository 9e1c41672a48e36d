package access

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The greatest number of bytes of what a client sends. A longer text is cut.
const (
	maxMethod = 32
	maxPath   = 512
	maxQuery  = 512
)

// Path returns a path as a line has it. escaped is the path as [url.URL.EscapedPath] returns it. A segment that holds a
// parameter with a credential, or a JWT, is replaced by "...". The result shares no memory with escaped.
func Path(escaped string, hidden func(name string) bool) string {
	var kept strings.Builder
	for segment := range strings.SplitAfterSeq(escaped, "/") {
		if hasCredential(segment, hidden) { // the whole segment is looked at, also where it is cut below
			segment = "..." + segment[len(strings.TrimSuffix(segment, "/")):]
		}
		kept.WriteString(segment)
		if kept.Len() > maxPath {
			break
		}
	}
	return strings.Clone(clean(kept.String(), maxPath))
}

// mostEscapes is in how many forms a segment is looked at.
const mostEscapes = 3 // as sent, decoded, and decoded twice

// hasCredential reports whether a segment of a path is a JWT, or holds a parameter that a line may not have. Such a segment is
// that of a client that has encoded the "?" of its query, or has written "&" or ";" in place of "?".
func hasCredential(segment string, hidden func(name string) bool) bool {
	for range mostEscapes {
		for part := range strings.FieldsFuncSeq(segment, func(r rune) bool { return strings.ContainsRune("?&;#/", r) }) {
			name, value, hasValue := strings.Cut(part, "=")
			if hasValue && (soundsSecret(name) || hidden(name)) || isJWT(name) || isJWT(value) {
				return true
			}
		}
		segment = unescape(segment)
	}
	return false
}

// unescape decodes what is percent-encoded. Other than [url.PathUnescape], it leaves a "%" alone that encodes nothing.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// isJWT reports whether a text has the form of a JWT: a JSON object in base64, and two further parts.
func isJWT(text string) bool { return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") >= 2 }

// Query returns the parameters of a query that a line may have. A parameter is left out if hidden reports true for its name, if
// its name is one that credentials usually have, or if it is malformed.
func Query(raw string, hidden func(name string) bool) string {
	var kept strings.Builder
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, hasValue := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if name == "" || nameErr != nil || valueErr != nil || soundsSecret(name) || hidden(name) || holdsSecret(pair, hidden) {
			continue
		}
		if kept.Len() > 0 {
			kept.WriteByte('&')
		}
		kept.WriteString(url.QueryEscape(name))
		if hasValue {
			kept.WriteString("=" + url.QueryEscape(value))
		}
		if kept.Len() > maxQuery {
			break
		}
	}
	return clean(kept.String(), maxQuery)
}

// holdsSecret reports whether a parameter holds a further one that a line may not have, behind a semicolon. Some clients take a
// semicolon for a separator.
func holdsSecret(pair string, hidden func(name string) bool) bool {
	for part := range strings.SplitSeq(pair, ";") {
		name, _, _ := strings.Cut(part, "=")
		if name, err := url.QueryUnescape(name); err == nil && (soundsSecret(name) || hidden(name)) {
			return true
		}
	}
	return false
}

// soundsSecret reports whether a parameter with this name may be a credential.
func soundsSecret(name string) bool {
	lower := strings.ToLower(name)
	for _, part := range []string{
		"token", "secret", "passw", "credential", "apikey", "signature", "session", "jwt", "cookie", "bearer",
	} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	words := strings.FieldsFunc(lower, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return slices.ContainsFunc(words, func(word string) bool {
		switch word {
		case "key", "auth", "authorization", "pwd", "pass", "sig", "sid", "hmac", "otp", "pin", "ticket":
			return true
		}
		return false
	})
}

// clean returns text in printable ASCII without blanks, quotes and backslashes, cut to most bytes. All other bytes are
// percent-encoded. So the text is one word in every format.
func clean(text string, most int) string {
	cut := len(text) > most
	if cut {
		text = text[:most]
	}
	if strings.IndexFunc(text, escapes) < 0 && !cut {
		return text
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		if escapes(rune(c)) {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	if cut {
		b.WriteString("...")
	}
	return b.String()
}

func escapes(r rune) bool {
	return r <= ' ' || r > '~' || r == '"' || r == '\'' || r == '\\' || r == '`'
}
