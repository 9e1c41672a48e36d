package config

import (
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. The file gives it as a plain number or in KiB, MiB or GiB: "64KiB", "4MiB", "65536".
type Size int64

// The units that sizes are written in.
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
)

// String returns the size in the form of a file, in the largest unit that divides it: "4MiB", "1500".
func (s Size) String() string {
	for _, unit := range sizeUnits() {
		if s != 0 && s%unit.size == 0 {
			return strconv.FormatInt(int64(s/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

type sizeUnit struct {
	name string
	size Size
}

// sizeUnits lists the units, largest first.
func sizeUnits() [3]sizeUnit {
	return [3]sizeUnit{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}
}

// parseSize reads a size and reports whether text is one.
func parseSize(text string) (Size, bool) {
	digits, factor := text, Size(1)
	for _, unit := range sizeUnits() {
		if rest, ok := strings.CutSuffix(text, unit.name); ok {
			digits, factor = rest, unit.size
			break
		}
	}
	if !isDigits(digits) {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/int64(factor) {
		return 0, false
	}
	return Size(n) * factor, true
}

// sizeHint returns a hint with the unit that was meant, "4MiB" for "4MB" and "4 MiB", or "".
func sizeHint(text string) string {
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	if digits == "" {
		return ""
	}
	unit := strings.ToUpper(strings.TrimSpace(text[len(digits):]))
	for _, known := range sizeUnits() {
		letter := known.name[:1]
		if text != digits+known.name && (unit == letter || unit == letter+"B" || unit == letter+"IB") {
			return "did you mean `" + digits + known.name + "`?"
		}
	}
	if unit == "B" {
		return "did you mean `" + digits + "`?"
	}
	return ""
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
