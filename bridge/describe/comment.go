package describe

import (
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Doc returns the comment at a declaration, such as a method: the one before it, or else the one behind it. It is "" where the
// descriptors have no comments, as with reflection.
//
// A comment may be the text of a foreign server. Doc returns valid UTF-8. Line feeds are the only control characters in it, and
// the only characters that end a line. Characters that change the direction of text are left out, and so are instructions to the
// tool buf. The length is not bounded.
func Doc(d protoreflect.Descriptor) string {
	file := d.ParentFile()
	if file == nil {
		return ""
	}
	at := file.SourceLocations().ByDescriptor(d)
	if text := cleaned(at.LeadingComments); text != "" {
		return text
	}
	return cleaned(at.TrailingComments)
}

// lineEnds makes each character that ends a line a line feed.
func lineEnds() *strings.Replacer {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n",
		"\t", "    ")
}

// cleaned returns the text of a comment. The compiler leaves the space behind // in it.
func cleaned(comment string) string {
	if comment == "" {
		return ""
	}
	var lines []string
	for line := range strings.SplitSeq(lineEnds().Replace(valid(comment)), "\n") {
		line = strings.TrimRight(strings.Map(printable, strings.TrimPrefix(line, " ")), " ")
		if !strings.HasPrefix(strings.TrimSpace(line), "buf:lint:ignore ") {
			lines = append(lines, line)
		}
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// printable is for [strings.Map]: it drops control characters, and characters that change the direction of text.
func printable(r rune) rune {
	if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) || r == '\ufeff' {
		return -1
	}
	return r
}

func valid(text string) string { return strings.ToValidUTF8(text, "\ufffd") }
