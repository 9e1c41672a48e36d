package bind

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shownRunes is how much of what a client sent an error repeats.
const shownRunes = 64

// Source is the part of a request that an error is about.
type Source string

// The sources.
const (
	FromPath      Source = "path variable"
	FromQuery     Source = "query parameter"
	FromBody      Source = "body field"
	FromReference Source = "reference"
	FromRequest   Source = "request"
)

// Error says why a request can't be bound. It is the client's mistake: UNAUTHENTICATED where MissingCredential is true,
// and INVALID_ARGUMENT otherwise.
type Error struct {
	Source Source
	// Parameter is the name as the client gave it, or the reference without ${}; cut to 64 characters. In a body it is the
	// path of the value, such as "filters[0].venue", and empty for the body as a whole.
	Parameter string
	// Expected is the type that Value, cut to 64 characters, does not have. Where it is empty, Reason says what is wrong.
	Expected, Value string
	Reason          string
	// MissingCredential is true where a setting refers to a cookie that the caller has not sent, or to a claim that its token
	// does not have.
	MissingCredential bool
}

// Error returns one line. What the client sent is quoted, with control characters escaped; of a body, values are shown as
// the JSON that they are.
func (e *Error) Error() string {
	where := string(e.Source)
	switch {
	case e.Parameter != "":
		where += fmt.Sprintf(" %q", e.Parameter)
	case e.Source == FromBody:
		where = "body"
	}
	if e.Expected == "" {
		return where + ": " + e.Reason
	}
	if e.Source == FromBody {
		return fmt.Sprintf("%s: expected %s, found %s", where, e.Expected, printable(e.Value))
	}
	return fmt.Sprintf("%s: expected %s, found %q", where, e.Expected, e.Value)
}

// CursorError says that the cursor does not fit what it is bound to. The cursor can be dropped and the request
// bound without it: a page must not die of an old id.
type CursorError struct {
	// Field is the path of the field that it is bound to, or Metadata the name of the metadata; the other is empty.
	Field, Metadata string
	// Expected is its type. Value is the cursor, cut to 64 characters.
	Expected, Value string
}

// Error returns one line. The cursor is quoted, with control characters escaped.
func (e *CursorError) Error() string {
	what := "the field " + e.Field
	if e.Field == "" {
		what = "the metadata " + e.Metadata
	}
	return fmt.Sprintf("cursor: expected %s for %s, found %q", e.Expected, what, e.Value)
}

// mismatch returns the error that text is not what the field takes.
func mismatch(source Source, parameter, expected, text string) *Error {
	return &Error{Source: source, Parameter: shown(parameter), Expected: expected, Value: shown(text)}
}

// refused returns the error that a parameter can't be bound, whatever its value.
func refused(source Source, parameter, format string, args ...any) *Error {
	return &Error{Source: source, Parameter: shown(parameter), Reason: fmt.Sprintf(format, args...)}
}

// printable escapes what does not belong on a terminal or in a log line.
func printable(text string) string {
	quoted := strconv.Quote(text)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

// shown cuts text to shownRunes characters.
func shown(text string) string { return cut(text, shownRunes) }

// cut cuts text to so many characters.
func cut(text string, runes int) string {
	n := 0
	for i := 0; i < len(text); n++ {
		if n == runes {
			return text[:i] + "…"
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return text
}
