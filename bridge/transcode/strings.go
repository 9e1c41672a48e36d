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

// needsEscape marks the bytes of x that cannot be in a JSON string: quote, backslash and bytes below 0x20. It sets their high
// bits. It is exact for every byte, because no carry passes from one byte to the next.
func needsEscape(x uint64) uint64 {
	low := x & lowBits
	control := low + (0x80-0x20)*everyByte // high bit: not below 0x20
	quote := (low ^ '"'*everyByte) + lowBits
	backslash := (low ^ '\\'*everyByte) + lowBits
	return ^(control & quote & backslash) &^ x & highBits
}

// appendString appends s as a JSON string. It returns false if s is not valid UTF-8, or if there is no room for it.
func (w *walk) appendString(b, s []byte) ([]byte, bool) {
	// Whole words are stored, even where fewer bytes remain. The room is for these, two quotes, and one escape before room is
	// made again.
	if room := len(s) + 24; cap(b)-len(b) < room {
		if b = w.grow(b, room); b == nil {
			return nil, false
		}
	}
	n := len(b)
	out := b[:cap(b)]
	out[n] = '"'
	n++
	stops := uint64(highBits) // 0 once the rest of s was checked
	if hasCopyPlain && len(s) >= 32 {
		if out, s, stops = w.appendBlocks(out[:n], s); s == nil {
			return b, false
		}
		n = len(out)
		out = out[:cap(out)]
	}
	for len(s) > 0 {
		x, size := word(s)
		if x&stops != 0 {
			if !utf8.Valid(s) {
				return b, false
			}
			stops = 0
		}
		binary.LittleEndian.PutUint64(out[n:], x)
		stop := needsEscape(x)
		if stop == 0 {
			n += size
			s = s[size:]
			continue
		}
		clean := bits.TrailingZeros64(stop) >> 3
		if out, n = w.appendEscape(out[:n+clean], s[clean], len(s)); out == nil {
			return nil, false
		}
		s = s[clean+1:]
	}
	out[n] = '"'
	return out[:n+1], true
}

// appendBlocks appends most of a long string in blocks. It returns the output, the rest of s, which has fewer than sixteen
// bytes, and the bits that mark which bytes still have to be checked. The rest is nil if s is not valid UTF-8 or there is no
// room.
func (w *walk) appendBlocks(b, s []byte) (out, rest []byte, stops uint64) {
	stops = highBits
	for len(s) >= 16 {
		n := len(b)
		plain := copyPlain(b[n:n+len(s)], s, stops)
		b, s = b[:n+plain], s[plain:]
		if len(s) < 16 {
			break
		}
		if s[0] >= utf8.RuneSelf {
			if !utf8.Valid(s) {
				return b, nil, stops
			}
			stops = 0
			continue
		}
		for len(s) > 0 && (s[0] < ' ' || s[0] == '"' || s[0] == '\\') {
			if b, n = w.appendEscape(b, s[0], len(s)); b == nil {
				return nil, nil, stops
			}
			b, s = b[:n], s[1:]
		}
	}
	return b, s, stops
}

// word returns the first bytes of s, up to eight, and how many these are. Blanks stand for missing bytes.
func word(s []byte) (uint64, int) {
	if len(s) >= 8 {
		return binary.LittleEndian.Uint64(s), 8
	}
	return shortWord(s), len(s)
}

// shortWord is word for fewer than eight bytes.
func shortWord(s []byte) uint64 {
	n := len(s)
	blanks := uint64(' '*everyByte) << (8 * n)
	if cap(s) >= 8 { // the bytes behind s belong to the message as well
		return binary.LittleEndian.Uint64(s[:8])&(1<<(8*n)-1) | blanks
	}
	switch {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(s)) | uint64(binary.LittleEndian.Uint32(s[n-4:]))<<(8*n-32) | blanks
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<(8*(n/2)) | uint64(s[n-1])<<(8*(n-1)) | blanks
	}
	return blanks
}

// appendEscape appends the escape of one byte. It returns the output, up to where it may be written, and the length of the
// output. rest is how many bytes of the string remain; the output has room for them. The output is nil where there is no room.
func (w *walk) appendEscape(b []byte, c byte, rest int) ([]byte, int) {
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
		if b = w.grow(b, rest+24); b == nil {
			return nil, 0
		}
	}
	return b[:cap(b)], len(b)
}

// appendBase64 appends bytes as a JSON string in base64.
func (w *walk) appendBase64(b, value []byte) []byte {
	if room := base64.StdEncoding.EncodedLen(len(value)) + 24; cap(b)-len(b) < room {
		if b = w.grow(b, room); b == nil {
			return nil
		}
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, value)
	return append(b, '"')
}
