package pathtmpl

import (
	"strings"
)

// isEscape reports whether text begins with a percent sign and two hexadecimal digits.
func isEscape(text string) bool {
	return len(text) >= 3 && text[0] == '%' && isHex(text[1]) && isHex(text[2])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// unescape returns the decoded text. Where keepSlashes is true, %2F and %2f stay as they are. The escapes in text have to be
// well-formed. It allocates only where it decodes an escape.
func unescape(text string, keepSlashes bool) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	return string(appendUnescaped(make([]byte, 0, len(text)), text, keepSlashes))
}

func appendUnescaped(dst []byte, text string, keepSlashes bool) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			dst = append(dst, text[i])
			continue
		}
		c := unhex(text[i+1])<<4 | unhex(text[i+2])
		if keepSlashes && c == '/' {
			dst = append(dst, text[i:i+3]...)
		} else {
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

// writeEscaped writes text with all but the unreserved characters of RFC 3986, 2.3 percent-encoded.
func writeEscaped(b *strings.Builder, text string) {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
}

// isWellFormed reports whether each percent sign in path is followed by two hexadecimal digits.
func isWellFormed(path string) bool {
	for {
		i := strings.IndexByte(path, '%')
		if i < 0 {
			return true
		}
		if !isEscape(path[i:]) {
			return false
		}
		path = path[i+3:]
	}
}

// hasDotSegment reports whether a segment of path is "." or "..", escaped or not.
func hasDotSegment(path string) bool {
	if !strings.Contains(path, "/.") && !strings.Contains(path, "/%2") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		dots := 0
		for segment != "" && dots <= 2 {
			switch {
			case segment[0] == '.':
				segment = segment[1:]
			case len(segment) >= 3 && strings.EqualFold(segment[:3], "%2e"):
				segment = segment[3:]
			default:
				dots = 3
				continue
			}
			dots++
		}
		if dots == 1 || dots == 2 {
			return true
		}
	}
	return false
}
