package report

import (
	"math"
	"strconv"
	"strings"
)

// number writes a figure with about three digits, and with commas between thousands.
func number(f float64) string {
	size := math.Abs(f)
	switch {
	case size >= 999.5:
		digits := math.Pow(10, math.Floor(math.Log10(size))-2)
		return commas(strconv.FormatFloat(math.Round(f/digits)*digits, 'f', 0, 64))
	case size >= 100 || f == 0:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

// commas puts commas between the thousands of a whole number that is not negative.
func commas(digits string) string {
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(d)
	}
	return out.String()
}
