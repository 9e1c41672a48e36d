package bind

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shownRunes is how many characters of a client's text an error repeats.
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

// Error is the reason why a request can't be bound. It is a mistake of the client: UNAUTHENTICATED where MissingCredential is true, and
// INVALID_ARGUMENT otherwise.
type Error struct {
	Source Source
	// Parameter is the name that the client gave, or the reference without ${}, cut to 64 characters. In a body it is the path of the
	// value, such as "filters[0].venue", and "" for the body as a whole.
	Parameter string
	// Expected is the type that Value, cut to 64 characters, does not have. Where Expected is empty, Reason tells the mistake.
	Expected, Value string
	Reason          string
	// MissingCredential is true where a setting refers to a cookie that the caller has not sent, or to a claim that its token
	// does not have.
	MissingCredential bool
}

// Error returns one line. Text of the client is quoted, with control characters escaped. Values of a body are shown as JSON.
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

// CursorError is the error for a cursor that does not fit the field or the metadata that takes it. The caller can bind the request
// again without the cursor, so that a page with an old id goes on.
type CursorError struct {
	// Field is the path of the field that takes the cursor, or Metadata the name of the metadata. The other one is empty.
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

// mismatch returns the error for text that does not fit the field.
func mismatch(source Source, parameter, expected, text string) *Error {
	return &Error{Source: source, Parameter: shown(parameter), Expected: expected, Value: shown(text)}
}

// refused returns the error for a parameter that can't be bound with any value.
func refused(source Source, parameter, format string, args ...any) *Error {
	return &Error{Source: source, Parameter: shown(parameter), Reason: fmt.Sprintf(format, args...)}
}

// printable escapes characters that do not belong on a terminal or in a log line.
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
