package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// row is a line of the table.
type row struct {
	what, must, measured string
	missed               bool
}

// note adds a line that says what was measured, and demands nothing.
func (l *lab) note(what, format string, args ...any) {
	l.rows = append(l.rows, row{what: what, must: "–", measured: fmt.Sprintf(format, args...)})
}

// atMost adds a line with a figure that must not be above a bound.
func atMost[T cmp.Ordered](l *lab, what string, bound, found T, text func(T) string, more string) {
	l.rows = append(l.rows, row{what: what, must: "≤ " + text(bound), measured: text(found) + more, missed: found > bound})
}

func ratio(f float64) string  { return fmt.Sprintf("%.2f ×", f) }
func bytesOf(n int64) string  { return fmt.Sprintf("%d B", n) }
func count(n int) string      { return fmt.Sprint(n) }
func micros(f float64) string { return fmt.Sprintf("%.2f µs", f) }

func duration(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// print writes the table, and reports whether all figures are reached.
func (l *lab) print(w io.Writer) bool {
	ok := true
	_, _ = fmt.Fprintln(w, "| what | must | measured |\n|---|--:|--:|")
	for _, r := range l.rows {
		mark := ""
		if r.missed {
			mark, ok = " (missed)", false
		}
		_, _ = fmt.Fprintf(w, "| %s | %s | %s%s |\n", r.what, r.must, r.measured, mark)
	}
	return ok
}

// quantile returns the value below which a share of the values is. The slice is sorted.
func quantile[T cmp.Ordered](values []T, share float64) T {
	slices.Sort(values)
	if len(values) == 0 {
		var none T
		return none
	}
	return values[min(len(values)-1, int(share*float64(len(values))))]
}

func median[T cmp.Ordered](values []T) T { return quantile(values, 0.5) }
