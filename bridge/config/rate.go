package config

import (
	"strconv"
	"strings"
	"time"
)

// Rate is a number of events in a time. The file gives it as a number for each second, minute or hour: "100/s", "30/m", "500/h".
// The zero Rate stands for no limit.
type Rate struct {
	// Count is at least 1, except in the zero Rate.
	Count int
	// Per is a second, a minute or an hour.
	Per time.Duration
}

// PerSecond returns the rate of n events a second.
func PerSecond(n int) Rate { return Rate{Count: n, Per: time.Second} }

// String returns the rate in the form of a file: "100/s". For the zero Rate it returns "unlimited".
func (r Rate) String() string {
	if r == (Rate{}) {
		return unlimited
	}
	for _, unit := range rateUnits() {
		if r.Per == unit.per {
			return strconv.Itoa(r.Count) + "/" + unit.name
		}
	}
	return strconv.Itoa(r.Count) + "/" + r.Per.String()
}

type rateUnit struct {
	name string
	per  time.Duration
}

func rateUnits() [3]rateUnit {
	return [3]rateUnit{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}
}

// maxRate is above the count of every rate.
const maxRate = 1_000_000_000

// parseRate reads a rate, and reports whether text is one.
func parseRate(text string) (Rate, bool) {
	digits, per, _ := strings.Cut(text, "/")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n >= maxRate || !isDigits(digits) {
		return Rate{}, false
	}
	for _, unit := range rateUnits() {
		if per == unit.name {
			return Rate{Count: int(n), Per: unit.per}, true
		}
	}
	return Rate{}, false
}

// rateHint returns a hint with the rate that was meant, "100/s" for "100", "100/sec" and "100 / s", or "".
func rateHint(text string) string {
	digits, per, _ := strings.Cut(strings.ReplaceAll(text, " ", ""), "/")
	if !isDigits(digits) || strings.Trim(digits, "0") == "" || len(digits) > 9 {
		return ""
	}
	unit := "s"
	switch {
	case strings.HasPrefix(strings.ToLower(per), "m"):
		unit = "m"
	case strings.HasPrefix(strings.ToLower(per), "h"):
		unit = "h"
	}
	return "did you mean `" + digits + "/" + unit + "`?"
}

// rateOr is the format of rates and of a word, which is the zero Rate.
func (d *decoder) rateOr(word string) format[Rate] {
	what := "a rate such as 100/s, 30/m or 500/h, or `" + word + "`"
	read := func(n *node) (Rate, bool) {
		if isWord(n, word) {
			return Rate{}, true
		}
		if !d.isScalar(n, what) {
			return Rate{}, false
		}
		r, ok := parseRate(n.text())
		if !ok {
			hint := rateHint(n.text())
			if hint == "" {
				hint = wordHint(n.text(), word)
			}
			d.expected(n, what, hint)
		}
		return r, ok
	}
	return format[Rate]{read: read, form: anyOf(rateForm, wordForm(word)), write: func(r Rate) *node {
		if r == (Rate{}) {
			return textNode(word)
		}
		return textNode(r.String())
	}}
}

func rateForm() map[string]any {
	return alternatives(map[string]any{"type": "string", "pattern": `^0*[1-9][0-9]{0,8}/[smh]$`}, environmentForm())
}
