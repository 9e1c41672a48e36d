package transcode

import (
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
	lowBits   = 0x7f * everyByte
)

// needsEscape marks, by their high bits, the bytes of x that cannot stand in a JSON string: quote, backslash and below 0x20.
// It is exact for every byte: no carry passes from one to the next.
func needsEscape(x uint64) uint64 {
	low := x & lowBits
	control := low + (0x80-0x20)*everyByte // high bit: not below 0x20
	quote := (low ^ '"'*everyByte) + lowBits
	backslash := (low ^ '\\'*everyByte) + lowBits
	return ^(control & quote & backslash) &^ x & highBits
}

// appendString appends s as a JSON string, and false if it is not valid UTF-8. It makes the room it needs.
func appendString(b, s []byte) ([]byte, bool) {
	// Eight bytes are stored even if fewer remain; two quotes, and an escape before room is looked for again.
	if room := len(s) + 24; cap(b)-len(b) < room {
		b = grow(b, room)
	}
	n := len(b)
	out := b[:cap(b)]
	out[n] = '"'
	n++
	valid := false // the rest of s was checked
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if x&highBits != 0 && !valid {
			if !utf8.Valid(s) {
				return b, false
			}
			valid = true
		}
		binary.LittleEndian.PutUint64(out[n:], x)
		stop := needsEscape(x)
		if stop == 0 {
			n += 8
			s = s[8:]
			continue
		}
		clean := bits.TrailingZeros64(stop) >> 3
		out, n = appendEscape(out[:n+clean], s[clean], len(s))
		s = s[clean+1:]
	}
	return appendStringTail(out[:n], s, valid)
}

// appendStringTail appends the last bytes of a string, fewer than eight, and the closing quote.
func appendStringTail(b, s []byte, valid bool) ([]byte, bool) {
	for i, c := range s {
		switch {
		case c >= utf8.RuneSelf && !valid:
			if !utf8.Valid(s[i:]) {
				return b, false
			}
			valid = true
			b = append(b, c)
		case c < 0x20 || c == '"' || c == '\\':
			out, n := appendEscape(b, c, len(s)-i)
			b = out[:n]
		default:
			b = append(b, c)
		}
	}
	return append(b, '"'), true
}

// appendEscape appends the escape of one byte. It returns the output as far as it may be written, and its length; rest is how many
// bytes of the string remain, for which there is room again.
func appendEscape(b []byte, c byte, rest int) ([]byte, int) {
	switch c {
	case '"', '\\':
		b = append(b, '\\', c)
	case '\b':
		b = append(b, '\\', 'b')
	case '\f':
		b = append(b, '\\', 'f')
	case '\n':
		b = append(b, '\\', 'n')
	case '\r':
		b = append(b, '\\', 'r')
	case '\t':
		b = append(b, '\\', 't')
	default:
		const hex = "0123456789abcdef"
		b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
	if cap(b)-len(b) < rest+24 {
		b = grow(b, rest+rest/8+24)
	}
	return b[:cap(b)], len(b)
}

// appendBase64 appends bytes as a JSON string in base64.
func appendBase64(b, value []byte) []byte {
	if room := base64.StdEncoding.EncodedLen(len(value)) + 2; cap(b)-len(b) < room {
		b = grow(b, room)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, value)
	return append(b, '"')
}
