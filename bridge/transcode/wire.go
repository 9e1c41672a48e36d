package transcode

import (
	"encoding/binary"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// The functions of this file take the wire bytes and a position. They return the position behind what they read, or -1 where it
// is malformed.

// varint reads a variable-length integer of up to ten bytes.
func varint(wire []byte, i int) (uint64, int) {
	if i < len(wire) && wire[i] < 0x80 {
		return uint64(wire[i]), i + 1
	}
	return longVarint(wire, i)
}

// longVarint is varint for more than one byte. It reads up to eight bytes as one word, together with the bytes around them.
func longVarint(wire []byte, i int) (uint64, int) {
	const ends = 0x8080808080808080
	var x uint64
	if room := cap(wire); room-i >= 8 {
		x = binary.LittleEndian.Uint64(wire[i : i+8])
	} else if room >= 8 && i < room {
		x = binary.LittleEndian.Uint64(wire[room-8:room]) >> (8 * (8 - room + i)) // zeros come in from above
	} else {
		x = ends
	}
	if stop := ^x & ends; stop != 0 {
		next := i + bits.TrailingZeros64(stop)>>3 + 1
		if next > len(wire) {
			return 0, -1
		}
		// Remove the bits behind the last byte, then push the groups of seven bits together.
		x &= (stop ^ (stop - 1)) &^ ends
		x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
		x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
		x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
		return x, next
	}
	v, n := protowire.ConsumeVarint(wire[i:])
	if n < 0 {
		return 0, -1
	}
	return v, i + n
}

// length reads a length, and checks that so many bytes follow.
func length(wire []byte, i int) (n, next int) {
	if i < len(wire) && wire[i] < 0x80 {
		n, next = int(wire[i]), i+1
		if n > len(wire)-next {
			return 0, -1
		}
		return n, next
	}
	v, next := longVarint(wire, i)
	if next < 0 || v > uint64(len(wire)-next) {
		return 0, -1
	}
	return int(v), next
}

// longTag reads a tag of more than one byte.
func longTag(wire []byte, i int) (uint32, int) {
	v, next := varint(wire, i)
	if next < 0 || v>>3 > uint64(protowire.MaxValidNumber) {
		return 0, -1
	}
	return uint32(v), next
}

// nextTag reads any tag.
func nextTag(wire []byte, i int) (uint32, int) {
	if i < len(wire) && wire[i] < 0x80 {
		return uint32(wire[i]), i + 1
	}
	return longTag(wire, i)
}

// skip passes over an unknown field. at is where its tag began.
func (w *walk) skip(wire []byte, i int, tag uint32, at int) int {
	num, typ := protowire.DecodeTag(uint64(tag))
	if num < protowire.MinValidNumber {
		w.fail(ErrMalformed, at)
		return -1
	}
	n := protowire.ConsumeFieldValue(num, typ, wire[i:])
	if n < 0 {
		w.fail(ErrMalformed, at)
		return -1
	}
	return i + n
}
