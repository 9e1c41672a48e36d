package transcode

import (
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// These are the kinds of an [Error], for use with errors.Is.
var (
	// ErrMalformed says that the bytes are not a protobuf message.
	ErrMalformed = errors.New("malformed protobuf message")
	// ErrInvalidUTF8 says that a string field holds bytes that are not UTF-8.
	ErrInvalidUTF8 = errors.New("string is not valid UTF-8")
	// ErrUnrepresentable says that JSON has no form for a value, for example a Timestamp in the year 10000 or an empty
	// google.protobuf.Value.
	ErrUnrepresentable = errors.New("value has no JSON form")
	// ErrRequiredMissing says that a required field is not set.
	ErrRequiredMissing = errors.New("required field is not set")
	// ErrTooLarge says that the JSON is larger than [Options.MaxBytes].
	ErrTooLarge = errors.New("JSON is too large")
	// ErrTooDeep says that messages are nested more than 10,000 levels deep.
	ErrTooDeep = errors.New("messages are nested too deeply")
)

// An Error says why a message could not be turned into JSON.
type Error struct {
	// Kind is one of the Err… values of this package, or the error of the context that ended before the work was done.
	Kind error
	// Message is the type of the whole message.
	Message protoreflect.FullName
	// Path leads to the field, for example "book.bids.price". It may be incomplete or empty.
	Path string
	// Offset is the position in the wire bytes at which the problem was noticed, or just before it; -1 is not known.
	Offset int
	// Detail says more, for example the value that was found. It may be empty.
	Detail string
}

// Error returns everything that is known, on one line.
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
