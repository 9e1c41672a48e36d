package typescript

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
)

// longestDoc bounds the documentation of one declaration, in bytes. A foreign server can send any length.
const longestDoc = 4000

// longestLine is how long a line may be before its members stand on lines of their own.
const longestLine = 120

// text is TypeScript that is being written.
type text struct{ strings.Builder }

// line writes a line. Writing to memory has no error.
func (t *text) line(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }

// block writes lines around others, which it indents to stand inside the innermost one. An empty line follows.
func (t *text) block(indent string, head, tail []string, inside text) {
	for _, line := range head {
		t.line("%s%s", indent, line)
	}
	t.indented(indent+strings.Repeat("  ", len(head)), inside.String())
	for _, line := range tail {
		t.line("%s%s", indent, line)
	}
	t.line("")
}

// indented writes lines behind an indent.
func (t *text) indented(indent, lines string) {
	for line := range strings.Lines(lines) {
		if line == "\n" {
			indent = ""
		}
		t.WriteString(indent + line)
	}
}

// comment writes the documentation of a declaration, if there is some.
func (t *text) comment(indent, doc string, deprecated bool) {
	if len(doc) > longestDoc {
		doc = strings.ToValidUTF8(doc[:longestDoc], "") + "…"
	}
	// A comment must not end early. A program that reads comments, such as TypeScript with @ts-ignore, must not take one for its own.
	doc = strings.NewReplacer("*/", `*\/`, "@ts-", "@ ts-").Replace(doc)
	if deprecated {
		doc = strings.TrimPrefix(doc+"\n\n@deprecated", "\n\n")
	}
	switch {
	case doc == "":
	case !strings.Contains(doc, "\n") && len(indent)+len(doc) < longestLine && !strings.HasSuffix(doc, "*"):
		t.line("%s/** %s */", indent, doc)
	default:
		t.line("%s/**", indent)
		for line := range strings.SplitSeq(doc, "\n") {
			t.line("%s", strings.TrimRight(indent+" * "+line, " "))
		}
		t.line("%s */", indent)
	}
}

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// property returns the name of a member as it stands in a type.
func property(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return quoted(name)
}

// quoted returns a string literal. It has printable ASCII, letters and digits only.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r < 0x7f, r >= 0x80 && r != unicode.ReplacementChar && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
