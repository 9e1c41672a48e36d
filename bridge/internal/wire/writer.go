package wire

import "encoding/binary"

// The writers below append to a buffer. A count, an offset or a number is a varint, as encoding/binary has it, in its
// shortest form. Text and bytes have their length in front.

func appendUint(dst []byte, n uint64) []byte { return binary.AppendUvarint(dst, n) }

func appendInt(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	return append(appendUint(dst, uint64(len(text))), text...)
}

// appendFlags appends up to eight flags as one byte, the first one in the lowest bit.
func appendFlags(dst []byte, flags ...bool) []byte {
	var b byte
	for i, set := range flags {
		if set {
			b |= 1 << i
		}
	}
	return append(dst, b)
}
