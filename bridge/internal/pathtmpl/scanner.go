package pathtmpl

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError is a mistake in a template.
type SyntaxError struct {
	// Template is the text that was parsed.
	Template string
	// Column is where the mistake begins, in characters, the first being 1.
	Column int
	// Msg tells what was expected and what was found.
	Msg string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("path template %q: column %d: %s", e.Template, e.Column, e.Msg)
}

// scanner reads a template from left to right.
type scanner struct {
	text string
	pos  int // in bytes
}

// errorAt returns an error at byte pos.
func (s *scanner) errorAt(pos int, format string, args ...any) *SyntaxError {
	return &SyntaxError{
		Template: s.text,
		Column:   utf8.RuneCountInString(s.text[:pos]) + 1,
		Msg:      fmt.Sprintf(format, args...),
	}
}

// expected returns the error for text other than the expected one.
func (s *scanner) expected(what string) *SyntaxError {
	return s.errorAt(s.pos, "expected %s, found %s", what, s.found())
}

// found describes the text at the position, for errors.
func (s *scanner) found() string {
	if s.atEnd() {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return fmt.Sprintf("%q", string(r))
}

func (s *scanner) atEnd() bool { return s.pos == len(s.text) }

// accept steps over token, and reports whether it was there.
func (s *scanner) accept(token string) bool {
	if !strings.HasPrefix(s.text[s.pos:], token) {
		return false
	}
	s.pos += len(token)
	return true
}

// name reads the name of a protobuf field. It returns "" where there is none.
func (s *scanner) name() string {
	start := s.pos
	for ; !s.atEnd(); s.pos++ {
		c := s.text[s.pos]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (s.pos == start || c < '0' || c > '9') {
			break
		}
	}
	return s.text[start:s.pos]
}

// literal reads literal text and returns it decoded. It returns "" where there is none.
func (s *scanner) literal() (string, error) {
	start := s.pos
	for !s.atEnd() {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if r == '%' {
			if !isEscape(s.text[s.pos:]) {
				return "", s.errorAt(s.pos, "expected two hexadecimal digits after %q", "%")
			}
		} else if !isLiteral(r, size) {
			break
		}
		s.pos += size
	}
	text, err := url.PathUnescape(s.text[start:s.pos])
	if err != nil || !utf8.ValidString(text) {
		return "", s.errorAt(start, "expected percent-encoded UTF-8, found %q", s.text[start:s.pos])
	}
	if text == "." || text == ".." {
		return "", s.errorAt(start, "found the segment %q, which clients resolve before they send a path", text)
	}
	return text, nil
}

// isLiteral reports whether r stands for itself in a literal. These are the characters that RFC 3986, 3.3 allows in a segment,
// without those that have a meaning in a template, and all printable characters beyond ASCII.
func isLiteral(r rune, size int) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	case r < utf8.RuneSelf:
		return strings.ContainsRune("-._~!$&'()+,;=@", r)
	}
	return unicode.IsPrint(r) && (r != utf8.RuneError || size > 1)
}
