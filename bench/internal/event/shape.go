package event

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// stampDigits is the length of a time in Unix nanoseconds, which begins the text of an event.
const stampDigits = 19

// Field numbers of test.stream.v1.Event.
const (
	sequenceField = 1
	textField     = 3
)

// Shape makes events of one size. It may be used concurrently.
type Shape struct {
	padding string
	head    []byte   // the fields between the number and the text, as they are on the wire
	heads   [][]byte // the same for each kind; nil where all events have one
	tail    []byte   // the fields behind the text
}

// NewShape returns a shape whose events have a text of so many bytes, and at least 19.
func NewShape(text int) Shape {
	return Shape{
		padding: strings.Repeat("x", max(0, text-stampDigits)),
		head:    encode(&streamv1.Event{Kind: "quote"}),
		tail:    encode(&streamv1.Event{Time: timestamppb.New(at)}),
	}
}

// OfKinds returns the shape with so many kinds of events, one after the other: two events are of one kind where their numbers are
// equal modulo kinds. With at most one kind, the shape does not change.
func (s Shape) OfKinds(kinds int) Shape {
	for n := 0; kinds > 1 && n < kinds; n++ {
		s.heads = append(s.heads, encode(&streamv1.Event{Kind: "quote" + string(rune('a'+n%26))}))
	}
	return s
}

// at is the time that every event carries besides its own: a Timestamp costs whoever makes JSON of it more than a string.
var at = time.Unix(1767225600, 189_500_000)

func encode(e *streamv1.Event) []byte {
	b, err := proto.Marshal(e)
	if err != nil {
		panic(err) // two constants
	}
	return b
}

// Size is the number of bytes that AppendMessage needs at most.
func (s Shape) Size() int { return 25 + len(s.head) + stampDigits + len(s.padding) + len(s.tail) }

// AppendMessage appends the event as a test.stream.v1.Event on the wire. It is cheap on purpose: the upstream shares the
// machine with what is measured.
func (s Shape) AppendMessage(dst []byte, number uint64, due time.Time) []byte {
	dst = protowire.AppendTag(dst, sequenceField, protowire.VarintType)
	dst = protowire.AppendVarint(dst, number)
	head := s.head
	if n := uint64(len(s.heads)); n > 0 {
		head = s.heads[number%n]
	}
	dst = append(dst, head...)
	dst = protowire.AppendTag(dst, textField, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(stampDigits+len(s.padding)))
	dst = strconv.AppendInt(dst, due.UnixNano(), 10)
	dst = append(dst, s.padding...)
	return append(dst, s.tail...)
}

// AppendFrame appends the event as the block that the bridge sends: JSON with default values, and the number as id.
func (s Shape) AppendFrame(dst []byte, number uint64, due time.Time) []byte {
	dst = append(append(dst, `data: {`...), sequenceName...)
	dst = strconv.AppendUint(dst, number, 10)
	dst = append(append(dst, `","kind":"quote",`...), textName...)
	dst = strconv.AppendInt(dst, due.UnixNano(), 10)
	dst = append(dst, s.padding...)
	dst = append(dst, `","time":"2026-01-01T00:00:00.189500Z","payload":""}`+"\nid: "...)
	dst = strconv.AppendUint(dst, number, 10)
	return append(dst, "\n\n"...)
}

// AppendChunk appends bytes as one chunk of an HTTP/1.1 body.
func AppendChunk(dst, p []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(p)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, p...)
	return append(dst, "\r\n"...)
}

// What stands before the number and the time in the JSON of every candidate.
const (
	sequenceName = `"sequence":"`
	textName     = `"text":"`
)

// Read finds the number and the time, in Unix nanoseconds, in the JSON of an event. It returns false where it is none of
// ours.
func Read(data []byte) (number uint64, due int64, ok bool) {
	number, rest, ok := digits(data, sequenceName)
	if !ok {
		return 0, 0, false
	}
	nanoseconds, _, ok := digits(rest, textName)
	return number, int64(nanoseconds), ok
}

// digits reads the number that follows name, and returns what stands behind it.
func digits(data []byte, name string) (value uint64, rest []byte, ok bool) {
	i := bytes.Index(data, []byte(name))
	if i < 0 {
		return 0, nil, false
	}
	rest = data[i+len(name):]
	n := 0
	for ; n < len(rest) && n < stampDigits && '0' <= rest[n] && rest[n] <= '9'; n++ {
		value = value*10 + uint64(rest[n]-'0')
	}
	return value, rest[n:], n > 0
}
