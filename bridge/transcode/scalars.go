package transcode

import (
	"encoding/binary"
	"math"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	kindString = protoreflect.StringKind
	kindBytes  = protoreflect.BytesKind
)

// The functions of this file append to room that the caller has made: valueRoom behind the key.

// appendKey appends `,"name":`. It needs the field's room.
func appendKey(b []byte, f *field) []byte {
	if f.keySize == 0 {
		return append(b, f.longKey...)
	}
	n := len(b)
	*(*[keyBlock]byte)(b[n : n+keyBlock]) = f.key
	return b[:n+f.keySize]
}

// appendVarint appends a value of a kind that is a varint on the wire.
func appendVarint(b []byte, f *field, v uint64) []byte {
	switch f.kind {
	case protoreflect.EnumKind:
		if name := f.names.lookup(int32(v)); name != "" {
			return append(b, name...)
		}
		return appendInt(b, int64(int32(v)))
	case protoreflect.Int32Kind:
		return appendInt(b, int64(int32(v)))
	case protoreflect.Uint32Kind:
		return appendUint(b, uint64(uint32(v)))
	case protoreflect.Sint32Kind:
		return appendInt(b, int64(int32(protowire.DecodeZigZag(v&math.MaxUint32))))
	case protoreflect.Uint64Kind:
		return append(appendUint(append(b, '"'), v), '"')
	case protoreflect.Int64Kind:
		return append(appendInt(append(b, '"'), int64(v)), '"')
	case protoreflect.Sint64Kind:
		return append(appendInt(append(b, '"'), protowire.DecodeZigZag(v)), '"')
	case protoreflect.BoolKind:
		if v != 0 {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	default: // kindNull
		return append(b, "null"...)
	}
}

// appendFixed64 appends a value of a kind that has eight bytes on the wire.
func appendFixed64(b []byte, k protoreflect.Kind, v uint64) []byte {
	switch k {
	case protoreflect.DoubleKind:
		return appendDouble(b, math.Float64frombits(v))
	case protoreflect.Fixed64Kind:
		return append(appendUint(append(b, '"'), v), '"')
	default:
		return append(appendInt(append(b, '"'), int64(v)), '"')
	}
}

// appendFixed32 appends a value of a kind that has four bytes on the wire.
func appendFixed32(b []byte, k protoreflect.Kind, v uint32) []byte {
	switch k {
	case protoreflect.FloatKind:
		return appendFloat(b, math.Float32frombits(v))
	case protoreflect.Fixed32Kind:
		return appendUint(b, uint64(v))
	default:
		return appendInt(b, int64(int32(v)))
	}
}

func appendInt(b []byte, v int64) []byte {
	if v >= 0 {
		return appendUint(b, uint64(v))
	}
	return appendUint(append(b, '-'), -uint64(v))
}

// pairs holds the two digits of each number below 100.
const pairs = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// appendUint appends v in decimal. It needs room for 24 bytes.
func appendUint(b []byte, v uint64) []byte {
	switch {
	case v < 10:
		return append(b, '0'+byte(v))
	case v < 100:
		return append(b, pairs[2*v], pairs[2*v+1])
	case v < 10000:
		hi, lo := v/100, v%100
		if hi < 10 {
			return append(b, '0'+byte(hi), pairs[2*lo], pairs[2*lo+1])
		}
		return append(b, pairs[2*hi], pairs[2*hi+1], pairs[2*lo], pairs[2*lo+1])
	case v < 1e8:
		return appendUpTo8(b, uint32(v))
	case v < 1e16:
		return append8(appendUint(b, v/1e8), uint32(v%1e8))
	}
	top, rest := v/1e16, v%1e16
	return append8(append8(appendUint(b, top), uint32(rest/1e8)), uint32(rest%1e8))
}

const asciiZeros = 0x3030303030303030

// appendUpTo8 appends 0 < v < 10^8 without leading zeros.
func appendUpTo8(b []byte, v uint32) []byte {
	x := digits8(v)
	zeros := bits.TrailingZeros64(x) >> 3
	n := len(b)
	binary.LittleEndian.PutUint64(b[n:n+8], (x|asciiZeros)>>(8*zeros))
	return b[:n+8-zeros]
}

// append8 appends v < 10^8 as eight digits.
func append8(b []byte, v uint32) []byte {
	n := len(b)
	binary.LittleEndian.PutUint64(b[n:n+8], digits8(v)|asciiZeros)
	return b[:n+8]
}

// digits8 spreads the eight decimal digits of v < 10^8 over the bytes of a word, the first digit in the lowest byte. It divides
// by 10,000, 100 and 10 in all parts of the word at once. The factors are exact for these ranges.
func digits8(v uint32) uint64 {
	x := uint64(v/10000) | uint64(v%10000)<<32
	q := x * 10486 >> 20 & 0x0000007f0000007f
	x = q | (x-q*100)<<16
	q = x * 103 >> 10 & 0x000f000f000f000f
	return q | (x-q*10)<<8
}
