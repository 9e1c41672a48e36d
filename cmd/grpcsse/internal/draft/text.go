package draft

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const programName = "grpcsse"

const (
	// maxDocLines is how many lines of a comment are written.
	maxDocLines = 10
	// maxColumns is the length of a line of a comment.
	maxColumns = 124
)

// comment writes text as lines of a YAML comment: at most so many, none of them longer than maxColumns. Whatever the text has in it,
// each line of the file begins with the indentation and "#".
func comment(b *bytes.Buffer, indent, text string, most int) {
	lines := wrap(text, maxColumns-len(indent)-2)
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] = strings.TrimRight(lines[most-1], " ") + " ..."
	}
	for _, line := range lines {
		b.WriteString(strings.TrimRight(indent+"# "+line, " ") + "\n")
	}
}

// wrap breaks text into lines of at most so many characters, between words where there are some. A line that continues another
// one has the same indentation. It reads no more of a text than a comment can have.
func wrap(text string, width int) (lines []string) {
	const enough = 1 << 13 // bytes
	if len(text) > enough {
		text = strings.ToValidUTF8(text[:enough], "") + " ..."
	}
	for line := range strings.SplitSeq(text, "\n") {
		runes := []rune(strings.Map(plain, line))
		indent := 0
		for indent < len(runes) && runes[indent] == ' ' && indent < width/2 {
			indent++
		}
		for len(runes) > width {
			at := width
			for at > indent && runes[at] != ' ' {
				at--
			}
			if at <= indent { // one long word
				at = width
			}
			lines = append(lines, strings.TrimRight(string(runes[:at]), " "))
			rest := strings.TrimLeft(string(runes[at:]), " ")
			runes = append(slices.Repeat([]rune{' '}, indent), []rune(rest)...)
		}
		lines = append(lines, string(runes))
	}
	return lines
}

// plain is for [strings.Map]: it replaces characters that YAML or a terminal may take for more than text.
func plain(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// plainWord has the words that YAML takes as text wherever they stand, but for the words with a meaning.
var plainWord = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*(/\{[A-Za-z_][A-Za-z0-9_]*\})?$`)

// word returns a word as YAML: quoted where YAML could take it for something else.
func word(text string) string {
	meanings := []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
	if !plainWord.MatchString(text) || slices.Contains(meanings, strings.ToLower(text)) {
		return quoted(text)
	}
	return text
}

// quoted returns text as a quoted word of YAML, which has all escapes of Go. A dollar is doubled, since the configuration refers to
// other values by it.
func quoted(text string) string { return strconv.Quote(strings.ReplaceAll(text, "$", "$$")) }
