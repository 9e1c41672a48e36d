package frame

import "encoding/binary"

// worthwhile is the length from which on a piece for one connection is compressed. A shorter piece would become at most a
// seventh smaller. Compressing it would take more time than everything else that is done with it.
const worthwhile = 512

// store returns a piece without compression, in a coding other than Identity. The piece must be shorter than worthwhile. The
// result is valid until the next call.
func (c *compressor) store(e Encoding, piece []byte) []byte {
	c.out = appendStored(c.out[:0], e, piece)
	return c.out
}

// flush is an empty deflate block. A decoder outputs everything that stands before it (RFC 1951, 3.2.4).
const flush = "\x00\x00\x00\xff\xff"

func appendStored(dst []byte, e Encoding, piece []byte) []byte {
	n := uint16(len(piece))
	if e == Gzip {
		dst = append(dst, 0) // a stored block that is not the last one
		dst = binary.LittleEndian.AppendUint16(dst, n)
		dst = binary.LittleEndian.AppendUint16(dst, ^n)
		dst = append(dst, piece...)
		return append(dst, flush...)
	}
	dst = append(dst, "\x28\xb5\x2f\xfd"...) // a frame (RFC 8878, 3.1.1) of a single segment
	if n < 256 {
		dst = append(dst, 0x20, byte(n)) // its length takes one byte
	} else {
		dst = append(dst, 0x60) // its length takes two bytes
		dst = binary.LittleEndian.AppendUint16(dst, n-256)
	}
	header := 1 | uint32(n)<<3 // the header of a raw block that is the last one
	dst = append(dst, byte(header), byte(header>>8), byte(header>>16))
	return append(dst, piece...)
}
