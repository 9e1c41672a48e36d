package transcode

import (
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// The kinds of an [Error], to be asked for with errors.Is.
var (
	// ErrMalformed: the bytes are no protobuf message.
	ErrMalformed = errors.New("malformed protobuf message")
	// ErrInvalidUTF8: a string field holds bytes that are not UTF-8.
	ErrInvalidUTF8 = errors.New("string is not valid UTF-8")
	// ErrUnrepresentable: JSON has no form for the value, for example a Timestamp in the year 10000 or an empty google.protobuf.Value.
	ErrUnrepresentable = errors.New("value has no JSON form")
	// ErrRequiredMissing: a required field is not set.
	ErrRequiredMissing = errors.New("required field is not set")
	// ErrTooLarge: the JSON is larger than [Options.MaxBytes].
	ErrTooLarge = errors.New("JSON is too large")
	// ErrTooDeep: messages are nested more than 10,000 levels deep.
	ErrTooDeep = errors.New("messages are nested too deeply")
)

// An Error says why a message could not be turned into JSON.
type Error struct {
	// Kind is one of the Err… values of this package, or the error of the context that ended before the work was done.
	Kind error
	// Message is the type of the whole message.
	Message protoreflect.FullName
	// Path leads to the field, for example "book.bids.price", as far as it is known.
	Path string
	// Offset is the position in the wire bytes at or just after which the problem was noticed; -1 if not known.
	Offset int
	// Detail says more about it, for example the value that was found; may be empty.
	Detail string
}

// Error gives all that is known in one line.
func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString(string(e.Message))
	if e.Path != "" {
		s.WriteString(": field ")
		s.WriteString(e.Path)
	}
	if e.Offset >= 0 {
		s.WriteString(": at byte ")
		s.WriteString(strconv.Itoa(e.Offset))
	}
	s.WriteString(": ")
	s.WriteString(e.Kind.Error())
	if e.Detail != "" {
		s.WriteString(": ")
		s.WriteString(e.Detail)
	}
	return s.String()
}

// Unwrap returns Kind.
func (e *Error) Unwrap() error { return e.Kind }
