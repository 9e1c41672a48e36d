// Package printable makes text of strangers fit for a terminal. A server can put sequences into an event that clear the
// screen, set the title, or reverse the order of the letters. Text that this package returns has none of them.
package printable

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text on one line. What is no visible character is written as \n, \x1b, \u202e or the like.
func Line(text string) string { return escape(text, false) }

// Lines is [Line] for text of several lines, whose line feeds and tabs stay.
func Lines(text string) string { return escape(text, true) }

// Short is [Line] for a text of which at most the first n bytes are shown.
func Short(text string, n int) string {
	if len(text) <= n {
		return Line(text)
	}
	cut := n
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return Line(text[:cut]) + "…"
}

// JSON returns v as JSON on one line. A character that a terminal would act on stands in it as \u and four digits, so that
// the JSON has the same value. v must be a value that encoding/json accepts.
func JSON(v any) ([]byte, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(text.String(), "\n") {
		switch {
		case visible(r):
			out.WriteRune(r)
		case r > 0xffff: // two halves, as JSON has it
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return []byte(out.String()), nil
}

func escape(text string, lines bool) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !visible(r) }) {
		return escaped(text, lines)
	}
	return text
}

func escaped(text string, lines bool) string {
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[0])
		case visible(r), lines && (r == '\n' || r == '\t'):
			out.WriteString(text[:size])
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
		text = text[size:]
	}
	return out.String()
}

// The characters with which letters of some scripts, and parts of some emoji, are joined. They are invisible and harmless.
const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// visible reports whether a terminal shows r as a character. Controls, characters that order the text anew, and line
// separators are not.
func visible(r rune) bool { return unicode.IsGraphic(r) || r == joiner || r == nonJoiner }
