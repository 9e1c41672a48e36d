package sse

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// MaxIDBytes is the longest id that is sent, in bytes as it stands on the wire.
const MaxIDBytes = 128

// EndID is the id that stops an EventSource. The bridge sends it with the status of a stream that must not be opened again. When the
// browser reconnects with it as Last-Event-ID, the bridge answers 204, which closes the EventSource for good.
const EndID = "grpc-end"

// marker is the beginning of an id whose value could not be sent as it is. The value follows in base64url without padding. "~" needs no
// escape in a URL, so that a page can pass such an id on as `?last_event_id=`.
const marker = '~'

// opaque is the encoding of a value behind the marker. It is strict, so that each value has one spelling.
var opaque = base64.RawURLEncoding.Strict()

// ID is the id of an event as it is sent: 1 to [MaxIDBytes] bytes of printable ASCII without spaces (0x21 to 0x7e). The zero ID is
// no id. IDs are comparable: two of them are equal exactly when the values they carry are equal.
//
// The HTML standard allows any line without U+0000 (9.2.6). Browsers, though, send other characters back as raw bytes or trimmed,
// and one client can't reconnect after an id that is not ASCII.
type ID struct{ text string }

// End returns the id that stops an EventSource: [EndID].
func End() ID { return ID{EndID} }

// ParseID returns the ID for text that was sent as an id. It accepts every text that [EncodeID] can return: safe text other than
// [EndID], and behind the marker "~" the encoding of a value that needs to be encoded.
func ParseID(text string) (ID, error) {
	if _, err := DecodeID(text); err != nil {
		return ID{}, err
	}
	return ID{text}, nil
}

// EncodeID returns the id that carries value, which may be any bytes. A safe value is sent as it is; one that is not
// printable ASCII without spaces, equals [EndID] or begins with the marker "~" is sent as base64url behind the marker.
// It returns false for an empty value, and for a value whose id would be over [MaxIDBytes] (95 bytes of a value that is encoded).
// Events with such a value are sent without an id.
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

// DecodeID returns the value of an id that came back, as Last-Event-ID or `?last_event_id=`. It reverses [EncodeID]. Text that
// EncodeID never returns, such as [EndID], is an error. The text may be hostile, and errors do not repeat it.
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

// String returns the id as it is sent, and "" for no id.
func (id ID) String() string { return id.text }

// IsZero reports whether id is the zero ID, which is no id.
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
