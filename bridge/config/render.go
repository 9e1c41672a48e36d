package config

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// excerptWidth is how many characters of a long source line an excerpt shows.
const excerptWidth = 120

// Render writes the problem for a person: the line that [Problem.Error] returns, the source line with a caret below the position,
// and the hint.
//
//	grpcsse.yaml:7:10: routes[1].rpc: expected a method as package.Service/Method, found "demo.Market.Watch"
//	  7 |     rpc: demo.Market.Watch
//	    |          ^
//	hint: did you mean `demo.Market/Watch`?
//
// Characters that could control a terminal are replaced. Errors of w are ignored.
func (p *Problem) Render(w io.Writer) {
	var b strings.Builder
	b.WriteString(p.Error())
	b.WriteByte('\n')
	if p.excerpt != "" {
		line, caret := excerpt(p.excerpt, p.Column)
		number := fmt.Sprintf("%3d", p.Line)
		fmt.Fprintf(&b, "%s | %s\n", number, line)
		fmt.Fprintf(&b, "%s | %s^\n", strings.Repeat(" ", len(number)), caret)
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", p.Hint)
	}
	_, _ = io.WriteString(w, b.String())
}

// Render writes every problem as [Problem.Render] does, with a blank line between two.
func (ps Problems) Render(w io.Writer) {
	for i, p := range ps {
		if i > 0 {
			_, _ = io.WriteString(w, "\n")
		}
		p.Render(w)
	}
}

// excerpt returns the part of a source line around a column, and the blanks that put a caret below that column.
func excerpt(source string, column int) (line, caret string) {
	runes := []rune(source)
	at := min(max(column-1, 0), len(runes))
	cut := 0
	if at > excerptWidth*3/4 {
		cut = at - excerptWidth/2
	}
	var shown, below strings.Builder
	if cut > 0 {
		shown.WriteString("… ")
		below.WriteString("  ")
	}
	for i := cut; i < len(runes) && i < cut+excerptWidth; i++ {
		shown.WriteRune(printable(runes[i]))
	}
	if len(runes) > cut+excerptWidth {
		shown.WriteString(" …")
	}
	for _, r := range runes[cut:at] {
		// A tab below a tab keeps the caret in its column, however wide tabs are.
		if r == '\t' {
			below.WriteRune('\t')
		} else {
			below.WriteRune(' ')
		}
	}
	return strings.TrimRight(shown.String(), " \t"), below.String()
}

// printable replaces a character that is not visible: a control character, or a format character such as one that turns the
// direction of text.
func printable(r rune) rune {
	if r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}
