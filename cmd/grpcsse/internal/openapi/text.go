package openapi

import (
	"fmt"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// longestDoc bounds the documentation of one declaration, in bytes. A foreign server can send any length.
const longestDoc = 4000

// cut returns the beginning of a text that is too long.
func cut(text string) string {
	if len(text) <= longestDoc {
		return text
	}
	return strings.ToValidUTF8(text[:longestDoc], "") + "…"
}

// longestSummary is the length of the first sentence of a comment up to which it is a summary, in bytes.
const longestSummary = 120

// summarize splits a comment into its first sentence, on one line, and the comment as it is. The description is "" where it would
// repeat the summary, and the summary is "" where the first sentence is long.
func summarize(doc string) (summary, description string) {
	paragraph, _, _ := strings.Cut(doc, "\n\n")
	line := strings.Join(strings.Fields(paragraph), " ")
	if i := strings.Index(line, ". "); i >= 0 {
		line = line[:i+1]
	}
	switch {
	case len(line) > longestSummary:
		return "", cut(doc)
	case strings.Join(strings.Fields(doc), " ") == line:
		return strings.TrimSuffix(line, "."), ""
	}
	return strings.TrimSuffix(line, "."), cut(doc)
}

// enumText returns the description of an enum: its comment, and those of its values. Where values are numbers, all are listed.
func enumText(e *describe.EnumType, numbers bool) string {
	var lines []string
	for _, v := range e.Values {
		name := "`" + string(v.Name) + "`"
		if numbers {
			name = fmt.Sprintf("%d: %s", v.Number, name)
		}
		text := strings.Join(strings.Fields(v.Doc), " ")
		if v.Deprecated {
			text = strings.TrimSuffix("deprecated. "+text, ". ")
		}
		switch {
		case v.Alias && !numbers:
		case text != "":
			lines = append(lines, "- "+name+": "+text)
		case numbers:
			lines = append(lines, "- "+name)
		}
	}
	return cut(strings.Trim(e.Doc+"\n\n"+strings.Join(lines, "\n"), "\n"))
}
