package transcode

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// messageText makes the text of a message whose JSON is a time, a duration or a bare scalar.
type messageText struct {
	t *Transcoder
	// value is the field of a wrapper, or nil for a time or duration.
	value protoreflect.FieldDescriptor
}

// newMessageText returns nil for a message without such a text.
func newMessageText(md protoreflect.MessageDescriptor) *messageText {
	if md.FullName().Parent() != "google.protobuf" {
		return nil
	}
	t, err := New(md, Options{})
	if err != nil {
		return nil
	}
	switch t.root.form {
	case formTimestamp, formDuration:
		return &messageText{t: t}
	case formWrapper:
		return &messageText{t: t, value: t.root.entry.desc}
	}
	return nil
}

// append appends the text of a message. An error is an *Error.
func (x *messageText) append(dst, wire []byte) ([]byte, error) {
	if x.value != nil {
		return x.wrapper(dst, wire)
	}
	w := walk{t: x.t, budget: budget{limit: math.MaxInt}}
	var scratch [64]byte
	var b []byte
	if x.t.root.form == formTimestamp {
		b = w.timestamp(scratch[:0], wire)
	} else {
		b = w.duration(scratch[:0], wire)
	}
	if b == nil {
		return dst, w.err()
	}
	return append(dst, b[1:len(b)-1]...), nil // without the quotes
}

// wrapper appends the value of a wrapper. The last value counts.
func (x *messageText) wrapper(dst, wire []byte) ([]byte, error) {
	value := []byte{0, 0, 0, 0, 0, 0, 0, 0} // zero or empty, of whatever kind
	for at := 0; at < len(wire); {
		num, typ, n := protowire.ConsumeTag(wire[at:])
		size := -1
		if n > 0 && num <= protowire.MaxValidNumber {
			size = protowire.ConsumeFieldValue(num, typ, wire[at+n:])
		}
		if size < 0 {
			return dst, &Error{Kind: ErrMalformed, Offset: at}
		}
		if num == x.value.Number() && typ == wireType(x.value.Kind()) {
			value = wire[at+n : at+n+size]
		}
		at += n + size
	}
	out, _ := appendScalarText(dst, x.value, value)
	return out, nil
}
