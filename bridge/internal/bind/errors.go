package bind

import (
	"fmt"
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
	FromReference Source = "reference"
	FromRequest   Source = "request"
)

// Error says why a request can't be bound. It is the client's mistake: INVALID_ARGUMENT, or UNAUTHENTICATED where the
// source is a reference to a claim.
type Error struct {
	Source Source
	// Parameter is the name as the client gave it, or the reference without ${}; cut to 64 characters.
	Parameter string
	// Expected is the type that Value, cut to 64 characters, does not have. Where it is empty, Reason says what is wrong.
	Expected, Value string
	Reason          string
}

// Error returns one line. What the client sent is quoted, with control characters escaped.
func (e *Error) Error() string {
	where := string(e.Source)
	if e.Parameter != "" {
		where += fmt.Sprintf(" %q", e.Parameter)
	}
	if e.Expected == "" {
		return where + ": " + e.Reason
	}
	return fmt.Sprintf("%s: expected %s, found %q", where, e.Expected, e.Value)
}

// CursorError says that the cursor does not fit the field that it is bound to. The cursor can be dropped and the request
// bound without it: a page must not die of an old id.
type CursorError struct {
	// Field is the path of the field.
	Field string
	// Expected is its type. Value is the cursor, cut to 64 characters.
	Expected, Value string
}

// Error returns one line. The cursor is quoted, with control characters escaped.
func (e *CursorError) Error() string {
	return fmt.Sprintf("cursor: expected %s for the field %s, found %q", e.Expected, e.Field, e.Value)
}

// mismatch returns the error that text is not what the field takes.
func mismatch(source Source, parameter, expected, text string) *Error {
	return &Error{Source: source, Parameter: shown(parameter), Expected: expected, Value: shown(text)}
}

// refused returns the error that a parameter can't be bound, whatever its value.
func refused(source Source, parameter, format string, args ...any) *Error {
	return &Error{Source: source, Parameter: shown(parameter), Reason: fmt.Sprintf(format, args...)}
}

// shown cuts text to shownRunes characters.
func shown(text string) string {
	n := 0
	for i := 0; i < len(text); n++ {
		if n == shownRunes {
			return text[:i] + "…"
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return text
}
