package transcode

import (
	"encoding/binary"
	"fmt"
)

// The ranges of google.protobuf.Timestamp (the years 1 to 9999) and Duration, both ends included.
const (
	minTimestamp = -62135596800
	maxTimestamp = 253402300799
	maxDuration  = 315576000000
	maxNanos     = 999999999
)

// secondsNanos reads the two fields of a Timestamp or Duration; the last value of each counts.
func (w *walk) secondsNanos(wire []byte) (seconds int64, nanos int32, ok bool) {
	const secondsTag, nanosTag = 1 << 3, 2 << 3
	// The usual form: seconds, then nanoseconds if there are any.
	if len(wire) > 0 && wire[0] == secondsTag {
		v, i := varint(wire, 1)
		if i == len(wire) {
			return int64(v), 0, true
		}
		if i > 0 && wire[i] == nanosTag {
			nano, end := varint(wire, i+1)
			if end == len(wire) {
				return int64(v), int32(nano), true
			}
		}
	}
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			w.fail(ErrMalformed, at)
			return 0, 0, false
		}
		if tag != secondsTag && tag != nanosTag {
			if i = w.skip(wire, next, tag, at); i < 0 {
				return 0, 0, false
			}
			continue
		}
		v, next := varint(wire, next)
		if next < 0 {
			w.fail(ErrMalformed, at)
			return 0, 0, false
		}
		if tag == secondsTag {
			seconds = int64(v)
		} else {
			nanos = int32(v)
		}
		i = next
	}
	return seconds, nanos, true
}

// timestamp appends a google.protobuf.Timestamp: "2006-01-02T15:04:05.999Z" with 0, 3, 6 or 9 decimals.
func (w *walk) timestamp(b, wire []byte) []byte {
	seconds, nanos, ok := w.secondsNanos(wire)
	if !ok {
		return nil
	}
	if seconds < minTimestamp || seconds > maxTimestamp || nanos < 0 || nanos > maxNanos {
		return w.failDetail(ErrUnrepresentable, 0, fmt.Sprintf("timestamp of %d s and %d ns is out of range", seconds, nanos))
	}
	if cap(b)-len(b) < valueRoom {
		if b = w.grow(b, valueRoom); b == nil {
			return nil
		}
	}
	since := uint64(seconds - minTimestamp) // seconds since the beginning of the year 1
	days, second := uint32(since/86400), uint32(since%86400)
	minute := second / 60
	hour := minute / 60

	n := len(b)
	out := b[n : n+24]
	out[0] = '"'
	d := w.t.dateDigits(days) | asciiZeros
	const dashes = '-'<<32 | '-'<<56
	binary.LittleEndian.PutUint64(out[1:], d&0xffffffff|d>>32&0xffff<<40|dashes) // YYYY-MM-
	binary.LittleEndian.PutUint16(out[9:], uint16(d>>48))
	out[11] = 'T'
	out[12], out[13] = pairs[2*hour], pairs[2*hour+1]
	minute, second = minute-60*hour, second-60*minute
	out[14], out[15], out[16] = ':', pairs[2*minute], pairs[2*minute+1]
	out[17], out[18], out[19] = ':', pairs[2*second], pairs[2*second+1]
	return append(appendNanos(b[:n+20], uint32(nanos)), 'Z', '"')
}

// dateDigits returns the eight digits of a date, the first digit in the lowest byte. days is counted from 0001-01-01. Most
// times in a stream of events are of one day, so the last result is kept. A word holds it: the day in the upper half, the
// digits in the lower half, four bits each.
func (t *Transcoder) dateDigits(days uint32) uint64 {
	last := t.lastDate.Load()
	if uint32(last>>32) == days && last != 0 {
		x := last & 0xffffffff
		x = (x | x<<16) & 0x0000ffff0000ffff
		x = (x | x<<8) & 0x00ff00ff00ff00ff
		return (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	}
	year, month, day := date(days)
	digits := digits8(year*10000 + month*100 + day)
	x := (digits | digits>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	t.lastDate.Store(uint64(days)<<32 | (x|x>>16)&0xffffffff)
	return digits
}

// date converts days since 0001-01-01 to year, month and day. Every 4th year is a leap year, every 100th is not, every 400th
// is.
//
// Years begin in March here, so that the leap day is the last day of a year. Multiplications that are exact for this range
// replace divisions: C. Neri, L. Schneider, "Euclidean affine functions and their application to calendar algorithms", 2022.
func date(days uint32) (year, month, day uint32) {
	n := 4*(days+306) + 3 // 306 days from 0000-03-01 to 0001-01-01
	century := n / 146097
	inCentury := n % 146097 / 4
	p := uint64(4*inCentury+3) * 2939745
	inYear := uint32(p) / 2939745 / 4
	m := 2141*inYear + 197913
	year, month, day = 100*century+uint32(p>>32), m>>16, m&0xffff/2141+1
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}

// appendNanos appends the decimals of a second and their point: none, 3, 6 or 9 digits.
func appendNanos(b []byte, nanos uint32) []byte {
	if nanos == 0 {
		return b
	}
	n := len(b)
	b = append8(append(b, '.', '0'+byte(nanos/1e8)), nanos%1e8)
	switch {
	case nanos%1e6 == 0:
		return b[:n+4]
	case nanos%1e3 == 0:
		return b[:n+7]
	}
	return b
}

// duration appends a google.protobuf.Duration: "-1.500s" with 0, 3, 6 or 9 decimals.
func (w *walk) duration(b, wire []byte) []byte {
	seconds, nanos, ok := w.secondsNanos(wire)
	if !ok {
		return nil
	}
	if seconds < -maxDuration || seconds > maxDuration || nanos < -maxNanos || nanos > maxNanos ||
		seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 {
		return w.failDetail(ErrUnrepresentable, 0,
			fmt.Sprintf("duration of %d s and %d ns is out of range or of two signs", seconds, nanos))
	}
	if cap(b)-len(b) < valueRoom {
		if b = w.grow(b, valueRoom); b == nil {
			return nil
		}
	}
	b = append(b, '"')
	if seconds < 0 || nanos < 0 {
		b, seconds, nanos = append(b, '-'), -seconds, -nanos
	}
	return append(appendNanos(appendUint(b, uint64(seconds)), uint32(nanos)), 's', '"')
}
