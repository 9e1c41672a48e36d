package pathtmpl

import (
	"strings"
)

// Template is a parsed path template. It is immutable.
type Template struct {
	source    string
	segments  []segment
	verb      string // decoded, "" for none
	variables []Variable
}

// Variable is a part of a template that is captured.
type Variable struct {
	// Path is the field path that the variable names, for example "filter.venue".
	Path string
	// Multi is true for a variable with several segments or "**". Its value keeps an encoded slash as it is (see [Router.Match]).
	Multi bool

	first, end int // its segments are segments[first:end]
}

// segment is one segment of a template.
type segment struct {
	kind    kind
	literal string // decoded
}

// kind is the kind of a segment. The kinds are in the order of specificity.
type kind int

const (
	kindLiteral kind = iota
	kindOne          // *
	kindRest         // **
)

// String returns the text of the template.
func (t *Template) String() string { return t.source }

// Variables returns the template's variables from left to right. The caller must not change it.
func (t *Template) Variables() []Variable { return t.variables }

// Shape returns the template without the names of its variables, in one spelling: "/v1/shelves/*:watch" for
// "/v1/{name=shelves/*}:watch". Two templates with the same shape fit the same paths, and cannot both be routes of one
// method. A shape is a template too.
func (t *Template) Shape() string {
	var b strings.Builder
	for _, s := range t.segments {
		b.WriteByte('/')
		switch s.kind {
		case kindLiteral:
			writeEscaped(&b, s.literal)
		case kindOne:
			b.WriteString("*")
		case kindRest:
			b.WriteString("**")
		}
	}
	if len(t.segments) == 0 {
		b.WriteByte('/')
	}
	if t.verb != "" {
		b.WriteByte(':')
		writeEscaped(&b, t.verb)
	}
	return b.String()
}

// endsInRest reports whether the last segment is "**".
func (t *Template) endsInRest() bool {
	n := len(t.segments)
	return n > 0 && t.segments[n-1].kind == kindRest
}
