package sse

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// MaxIDBytes is the longest id that is sent, in bytes as it stands on the wire.
const MaxIDBytes = 128

// EndID is the id that means "stop": the bridge sends it with the status of a stream that must not be opened again, and
// answers the reconnect that presents it as Last-Event-ID with 204, which closes an EventSource for good.
const EndID = "grpc-end"

// marker begins an id whose value could not be sent as it is; base64url without padding follows. "~" needs no escape
// in a URL, so that a page can pass such an id on as `?last_event_id=`.
const marker = '~'

// opaque is how a value stands behind the marker. Strict, so that each value has one spelling.
var opaque = base64.RawURLEncoding.Strict()

// ID is an event's id as it stands on the wire: 1 to [MaxIDBytes] bytes of printable ASCII without spaces (0x21 to
// 0x7e). The zero ID is no id at all. IDs are comparable: two are equal exactly when the values they carry are.
//
// The HTML standard allows more (any line without U+0000, 9.2.6), and in practice less survives: browsers send
// anything else back as raw bytes or trimmed, and one client cannot reconnect any more after a non-ASCII id.
type ID struct{ text string }

// End returns the id that stops an EventSource: [EndID].
func End() ID { return ID{EndID} }

// ParseID returns the ID that is written text on the wire. It accepts what [EncodeID] can return, which is any safe
// text but [EndID], and, behind the marker "~", only the encoding of a value that needs it.
func ParseID(text string) (ID, error) {
	if _, err := DecodeID(text); err != nil {
		return ID{}, err
	}
	return ID{text}, nil
}

// EncodeID returns the id that carries value, which may be any bytes. A safe value is sent as it is; one that is not
// printable ASCII without spaces, equals [EndID] or begins with the marker "~" is sent as base64url behind the marker.
// It returns false, and no id, for an empty value and for one that is over [MaxIDBytes] as sent (an encoded value may
// have 95 bytes): such an event is sent without id.
func EncodeID(value []byte) (ID, bool) {
	n, plain := sentLength(value)
	switch {
	case n == 0 || n > MaxIDBytes:
		return ID{}, false
	case plain:
		return ID{string(value)}, true
	}
	buf := make([]byte, 0, MaxIDBytes)
	return ID{string(appendOpaque(buf, value))}, true
}

// DecodeID returns the value of an id that came back, as Last-Event-ID or `?last_event_id=`. It reverses [EncodeID]:
// text that EncodeID never returns is an error, [EndID] among it. The text may be hostile; errors do not repeat it.
func DecodeID(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("event id: expected 1 to 128 bytes, found none")
	case len(text) > MaxIDBytes:
		return "", fmt.Errorf("event id: expected at most %d bytes, found %d", MaxIDBytes, len(text))
	case text == EndID:
		return "", fmt.Errorf("event id: %q ends a stream and is no position in one", EndID)
	}
	if i := firstUnsafe(text); i >= 0 {
		return "", fmt.Errorf("event id: expected printable ASCII without spaces, found byte 0x%02x at offset %d", text[i], i)
	}
	if text[0] != marker {
		return text, nil
	}
	value, err := opaque.DecodeString(text[1:])
	if err != nil || len(value) == 0 {
		return "", fmt.Errorf("event id: expected base64url without padding after %q", marker)
	}
	if _, plain := sentLength(value); plain {
		return "", fmt.Errorf("event id: found a value behind %q that is never encoded", marker)
	}
	return string(value), nil
}

// String returns the id as it stands on the wire, "" for none.
func (id ID) String() string { return id.text }

// IsZero reports whether id is no id at all.
func (id ID) IsZero() bool { return id.text == "" }

// sentLength returns how many bytes value takes as an id, and whether it is sent as it is.
func sentLength(value []byte) (n int, plain bool) {
	if len(value) == 0 || len(value) > MaxIDBytes {
		return len(value), false
	}
	if value[0] != marker && string(value) != EndID && firstUnsafe(value) < 0 {
		return len(value), true
	}
	return 1 + opaque.EncodedLen(len(value)), false
}

func appendOpaque(dst, value []byte) []byte {
	return opaque.AppendEncode(append(dst, marker), value)
}

// firstUnsafe returns the offset of the first byte outside 0x21 to 0x7e, or -1.
func firstUnsafe[T string | []byte](text T) int {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return i
		}
	}
	return -1
}
