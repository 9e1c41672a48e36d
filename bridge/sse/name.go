package sse

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes is the longest event name that is sent.
const MaxNameBytes = 128

// reservedPrefix begins the names of the bridge's own events.
const reservedPrefix = "grpc-"

// Name is the name of an event: 1 to [MaxNameBytes] bytes of valid UTF-8 that consist of printable characters (letters, marks, numbers,
// punctuation, symbols and the ASCII space). A browser delivers an event with the zero Name as "message". Names are comparable.
type Name struct{ text string }

// StatusName returns "grpc-status", the name of the event that ends a stream.
func StatusName() Name { return Name{"grpc-status"} }

// EndName returns "grpc-end", the name of the event behind a grpc-status after which the browser should not come back.
func EndName() Name { return Name{"grpc-end"} }

// ResetName returns "grpc-reset", the name of the event that says that a stream did not resume where the browser was.
func ResetName() Name { return Name{"grpc-reset"} }

// CursorName returns "grpc-cursor", the name of the event that only brings an id: a browser that has had no event yet comes back
// with it, and misses nothing that was sent meanwhile.
func CursorName() Name { return Name{"grpc-cursor"} }

// StaleName returns "grpc-stale", the name of the event that says that the upstream has been gone for a while.
func StaleName() Name { return Name{"grpc-stale"} }

// LiveName returns "grpc-live", the name of the event that says that events flow again.
func LiveName() Name { return Name{"grpc-live"} }

// ExpiringName is the name of the event that tells a page that its credentials expire.
func ExpiringName() Name { return Name{"grpc-expiring"} }

// ParseName returns the name for text that a person wrote, in a configuration file for example. It refuses empty text, and text that
// [SafeName] would change.
func ParseName(text string) (Name, error) {
	switch {
	case text == "":
		return Name{}, errors.New("event name: expected 1 to 128 bytes, found none")
	case len(text) > MaxNameBytes:
		return Name{}, fmt.Errorf("event name: expected at most %d bytes, found %d", MaxNameBytes, len(text))
	case isReserved(text):
		return Name{}, fmt.Errorf("event name %q is reserved: "+
			"a browser's own events are called error, open and message, the bridge's begin with %q", text, reservedPrefix)
	}
	if i := firstUnprintable(text); i >= 0 {
		return Name{}, fmt.Errorf("event name: expected printable characters, found byte 0x%02x at offset %d", text[i], i)
	}
	return Name{text}, nil
}

// SafeName returns the name for text that comes from a message, which may be any text, and reports whether the name differs from
// the text. Every text but the empty one gives a name:
//
//   - reserved names (error, open, message, and all that begins with "grpc-") get a trailing "_": an event called
//     "error" would arrive where every page handles a lost connection;
//   - each character that does not print, and each byte that is not UTF-8, becomes "_";
//   - a name over [MaxNameBytes] is cut between two characters;
//   - empty text gives the zero Name, which does not count as different.
func SafeName(text string) (name Name, renamed bool) {
	safe := text
	if firstUnprintable(safe) >= 0 {
		safe = strings.Map(printable, safe)
	}
	if isReserved(safe) {
		safe = cut(safe, MaxNameBytes-1) + "_"
	}
	safe = cut(safe, MaxNameBytes)
	return Name{safe}, safe != text
}

// String returns the name, and "" for the zero Name.
func (n Name) String() string { return n.text }

// IsZero reports whether n is the zero Name.
func (n Name) IsZero() bool { return n.text == "" }

func isReserved(text string) bool {
	switch text {
	case "error", "open", "message":
		return true
	}
	return strings.HasPrefix(text, reservedPrefix)
}

// firstUnprintable returns the offset of the first character that a Name cannot hold, or -1.
func firstUnprintable(text string) int {
	for i, r := range text {
		if printable(r) != r {
			return i
		}
	}
	return -1
}

// printable returns r where a Name can hold it, and "_" otherwise. Bytes that are not UTF-8 arrive as U+FFFD.
func printable(r rune) rune {
	if unicode.IsPrint(r) && r != utf8.RuneError {
		return r
	}
	return '_'
}

// cut returns at most n bytes of valid UTF-8, whole characters only.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
