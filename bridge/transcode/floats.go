package transcode

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

//go:generate sh -c "go run ./internal/pow10gen | gofmt >floats_table.go"

// appendDouble appends v as protojson does: the shortest decimal that reads back as v, with an exponent below 1e-6 and from
// 1e21 on. It needs room for 40 bytes.
func appendDouble(b []byte, v float64) []byte {
	abs := math.Abs(v)
	if abs >= 1<<53 || math.IsNaN(v) {
		return appendLargeDouble(b, v)
	}
	// Most messages carry integers, and amounts with up to three decimals.
	whole := int64(abs) // conversions to and from uint64 would be slower
	b = appendSign(b, v)
	if float64(whole) == abs {
		return appendUint(b, uint64(whole))
	}
	// A decimal of at most 15 digits is the shortest one that reads back as its nearest double. The division rounds correctly.
	if m := int64(abs*1000 + 0.5); m < 1e15 && float64(m)/1000 == abs {
		return appendThousandths(b, uint64(m))
	}
	digits, exponent := shortest(math.Float64bits(abs))
	return appendDecimal(b, digits, exponent)
}

// appendLargeDouble appends a double without decimals.
func appendLargeDouble(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	digits, exponent := shortest(math.Float64bits(math.Abs(v)))
	return appendDecimal(appendSign(b, v), digits, exponent)
}

// appendThousandths appends m/1000, which must not be an integer.
func appendThousandths(b []byte, m uint64) []byte {
	if m >= 1e8 {
		b = appendUint(b, m/1e8)
		b = append(b, "00000"...)
		n := len(b)
		x := digits8(uint32(m % 1e8))
		binary.LittleEndian.PutUint64(b[n-5:n+3], x|asciiZeros)
		return appendDecimals(b[:n], x)
	}
	x := digits8(uint32(m))
	zeros := min(bits.TrailingZeros64(x)>>3, 4) // one digit stays in front of the point
	n := len(b)
	binary.LittleEndian.PutUint64(b[n:n+8], (x|asciiZeros)>>(8*zeros))
	return appendDecimals(b[:n+5-zeros], x)
}

// appendDecimals appends a point and the last three of eight digits, without trailing zeros.
func appendDecimals(b []byte, digits uint64) []byte {
	n := len(b)
	decimals := uint32(digits >> 40)
	binary.LittleEndian.PutUint32(b[n:n+4], '.'|(decimals|asciiZeros&0xffffff)<<8)
	return b[:n+4-(bits.LeadingZeros32(decimals)>>3-1)]
}

// shortest returns the shortest decimal digits·10^exponent that reads back as the positive, finite double of these bits. Where
// there are several, it returns the one nearest to the double. The digits may end in zeros.
//
// The algorithm is Schubfach: R. Giulietti, "The Schubfach way to render doubles", 2020. The names are those of the paper.
func shortest(double uint64) (digits uint64, exponent int) {
	c, q := double&(1<<52-1), int(double>>52)
	uneven := c == 0 && q > 1 // the next lower double is nearer than the next higher one
	if q != 0 {
		c |= 1 << 52
	} else {
		q = 1
	}
	q -= 1075
	lowerEdge, k := 4*c-2, (q*1262611)>>22
	if uneven {
		lowerEdge, k = 4*c-1, (q*1262611-524031)>>22
	}
	h := uint(q + (-k*1741647)>>19 + 1)
	g := &pow10[-k-firstPow10]
	lower, v, upper := roundToOdd(g, lowerEdge<<h), roundToOdd(g, 4*c<<h), roundToOdd(g, (4*c+2)<<h)
	// The interval's ends read back as this double only if its significand is even.
	odd := c & 1
	lower += odd
	upper -= odd

	s := v / 4
	if s >= 10 {
		tens := s / 10
		below, above := lower <= 40*tens, 40*tens+40 <= upper
		if below != above {
			if above {
				tens++
			}
			return tens, k + 1
		}
	}
	below, above := lower <= 4*s, 4*s+4 <= upper
	if below == above { // both or neither: take the nearer one
		middle := 4*s + 2
		above = v > middle || v == middle && s&1 != 0
	}
	if above {
		s++
	}
	return s, k
}

// roundToOdd returns the high word of g·x, with its lowest bit set if anything follows.
func roundToOdd(g *[2]uint64, x uint64) uint64 {
	carryIn, _ := bits.Mul64(g[1], x)
	hi, lo := bits.Mul64(g[0], x)
	lo, carry := bits.Add64(lo, carryIn, 0)
	hi += carry
	if lo > 1 {
		hi |= 1
	}
	return hi
}

// appendDecimal appends digits·10^exponent for 0 < digits < 10^17.
func appendDecimal(b []byte, digits uint64, exponent int) []byte {
	start := len(b)
	point := decimalSize(digits) + exponent // the place of the point, counted from the first digit
	if -5 <= point && point <= 0 {
		b = append(append(b, '0', '.'), "00000"[:-point]...)
		return withoutZeros(appendUint(b, digits))
	}
	b = withoutZeros(appendUint(append(b, '0'), digits)) // one byte more, for the point
	n := len(b) - start - 1
	switch {
	case point > 21 || point < 0:
		text := b[start+1:]
		return appendScientific(b[:start], text, point-1)
	case point >= n:
		copy(b[start:], b[start+1:])
		return append(b[:start+n], "000000000000000000000"[:point-n]...)
	}
	copy(b[start:], b[start+1:start+1+point])
	b[start+point] = '.'
	return b
}

// withoutZeros removes trailing zeros.
func withoutZeros(b []byte) []byte {
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// decimalSize returns how many digits v has, for 0 < v < 10^17.
func decimalSize(v uint64) int {
	if v >= 1e15 { // nearly all shortest decimals of doubles without a short form
		if v >= 1e16 {
			return 17
		}
		return 16
	}
	n := 1
	for v >= 10 {
		v /= 10
		n++
	}
	return n
}

// appendScientific appends digits with the point behind the first one, and an exponent. The digits lie one byte behind the end
// of b.
func appendScientific(b, digits []byte, exponent int) []byte {
	b = append(b, digits[0])
	if len(digits) > 1 {
		b = append(b, '.')
		b = b[:len(b)+len(digits)-1] // the digits are in their place already
	}
	b = append(b, 'e')
	if exponent >= 0 {
		b = append(b, '+')
	}
	return appendInt(b, int64(exponent))
}

// appendFloat is appendDouble for 32 bits. Only its fast paths are this package's own.
func appendFloat(b []byte, v float32) []byte {
	abs := float32(math.Abs(float64(v)))
	if abs > math.MaxFloat32 || abs != abs {
		return appendLargeDouble(b, float64(v))
	}
	if abs < 1<<24 {
		whole := int64(abs)
		m := int64(abs*1000 + 0.5)
		switch {
		case float32(whole) == abs:
			return appendUint(appendSign(b, float64(v)), uint64(whole))
		case m < 1e6 && float32(m)/1000 == abs: // decimals of six digits are distinct
			return appendThousandths(appendSign(b, float64(v)), uint64(m))
		}
	}
	format := byte('f')
	if abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	b = strconv.AppendFloat(b, float64(v), format, -1, 32)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		// 1e-07 becomes 1e-7.
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

func appendSign(b []byte, v float64) []byte {
	if math.Signbit(v) {
		return append(b, '-')
	}
	return b
}
