package config

import (
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file has the readers of single values. Each returns the value and true, or reports a problem and returns false.

// word reads text that is not empty.
func (d *decoder) word(n *node) (string, bool) {
	return d.wordFor("text")(n)
}

// wordFor returns a reader of text that is not empty. Its problems call the text by the given name.
func (d *decoder) wordFor(what string) func(*node) (string, bool) {
	return func(n *node) (string, bool) {
		if !d.isScalar(n, what) {
			return "", false
		}
		text := n.text()
		if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\r\n\x00") {
			d.expected(n, what+" on one line, not empty", "")
			return "", false
		}
		return text, true
	}
}

// textThat returns a reader of text that fits. Its problems expect what.
func (d *decoder) textThat(what string, fits func(text string) bool) func(*node) (string, bool) {
	return func(n *node) (string, bool) {
		if !d.isScalar(n, what) {
			return "", false
		}
		text := n.text()
		if !fits(text) {
			d.expected(n, what, "")
			return "", false
		}
		return text, true
	}
}

// path reads the path of a file. A relative path starts at the file that names it.
func (d *decoder) path(n *node) (string, bool) {
	text, ok := d.wordFor("the path of a file")(n)
	if !ok {
		return "", false
	}
	return n.pos.file.resolve(text), true
}

// boolean reads true or false.
func (d *decoder) boolean(n *node) (value, ok bool) {
	const what = "true or false"
	if !d.isScalar(n, what) {
		return false, false
	}
	switch text := n.text(); text {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		hint := ""
		switch strings.ToLower(text) {
		case "true", "yes", "on", "y", "1":
			hint = "did you mean `true`?"
		case "false", "no", "off", "n", "0":
			hint = "did you mean `false`?"
		}
		d.expected(n, what, hint)
		return false, false
	}
}

// atLeast returns a reader of whole numbers from a bound on.
func (d *decoder) atLeast(least int) func(*node) (int, bool) {
	return func(n *node) (int, bool) {
		what := "a whole number of at least " + strconv.Itoa(least)
		if !d.isScalar(n, what) {
			return 0, false
		}
		text := n.text()
		value, err := strconv.Atoi(text)
		if err != nil || value < least || !isDigits(strings.TrimPrefix(text, "-")) {
			d.expected(n, what, "")
			return 0, false
		}
		return value, true
	}
}

// countOr returns a reader of whole numbers of at least 1, or of a word such as `unlimited`, which is 0.
func (d *decoder) countOr(word string) func(*node) (int, bool) {
	return func(n *node) (int, bool) {
		what := "a whole number of at least 1, or `" + word + "`"
		if isWord(n, word) {
			return 0, true
		}
		if !d.isScalar(n, what) {
			return 0, false
		}
		text := n.text()
		value, err := strconv.Atoi(text)
		if err != nil || value < 1 || !isDigits(text) {
			d.expected(n, what, wordHint(text, word))
			return 0, false
		}
		return value, true
	}
}

// size reads a number of bytes over 0.
func (d *decoder) size(n *node) (Size, bool) {
	return d.sizeFrom(1, math.MaxInt64, "a size over 0 such as 64KiB, 4MiB or 1GiB")(n)
}

// sizeFrom returns a reader of sizes within bounds.
func (d *decoder) sizeFrom(least, most Size, what string) func(*node) (Size, bool) {
	return func(n *node) (Size, bool) {
		if !d.isScalar(n, what) {
			return 0, false
		}
		value, ok := parseSize(n.text())
		if !ok || value < least || value > most {
			d.expected(n, what, sizeHint(n.text()))
			return 0, false
		}
		return value, true
	}
}

// duration reads a time that may be 0.
func (d *decoder) duration(n *node) (time.Duration, bool) {
	return d.durationOf(n, 0, "a duration such as 300ms, 15s or 5m")
}

// positive reads a time over 0.
func (d *decoder) positive(n *node) (time.Duration, bool) {
	return d.durationOf(n, 1, "a duration over 0 such as 300ms, 15s or 5m")
}

// durationOrOff reads a time over 0, or `off`, which is 0.
func (d *decoder) durationOrOff(n *node) (time.Duration, bool) {
	const what = "a duration over 0 such as 300ms, 15s or 5m, or `off`"
	switch {
	case isWord(n, off):
		return 0, true
	case n.kind == scalar && wordHint(n.text(), off) != "":
		d.expected(n, what, wordHint(n.text(), off))
		return 0, false
	}
	return d.durationOf(n, 1, what)
}

func (d *decoder) durationOf(n *node, least time.Duration, what string) (time.Duration, bool) {
	if !d.isScalar(n, what) {
		return 0, false
	}
	text := n.text()
	value, err := time.ParseDuration(text)
	if err != nil || value < least {
		hint := ""
		if isDigits(text) && strings.Trim(text, "0") != "" {
			hint = "did you mean `" + text + "s`?"
		}
		d.expected(n, what, hint)
		return 0, false
	}
	return value, true
}

// oneOf returns a reader of one of the given words.
func oneOf[T ~string](d *decoder, words []T) func(*node) (T, bool) {
	return oneOfFor(d, oneOfText(words), words)
}

// oneOfFor is oneOf for a value that may have other forms too. Its problems expect what.
func oneOfFor[T ~string](d *decoder, what string, words []T) func(*node) (T, bool) {
	return func(n *node) (T, bool) {
		if !d.isScalar(n, what) {
			return "", false
		}
		for _, w := range words {
			if isWord(n, string(w)) {
				return w, true
			}
		}
		text := n.text()
		hint := didYouMean(text, words)
		if hint == "" && slices.Contains(words, off) {
			hint = wordHint(text, off)
		}
		d.expected(n, what, hint)
		return "", false
	}
}

// choice returns a reader of two words, the second of which is true.
func (d *decoder) choice(no, yes string) func(*node) (bool, bool) {
	read := oneOf(d, []string{no, yes})
	return func(n *node) (bool, bool) {
		text, ok := read(n)
		return text == yes, ok
	}
}

// oneOfText lists words for a message: "`a`, `b` or `c`".
func oneOfText[T ~string](words []T) string {
	var b strings.Builder
	for i, word := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString("`" + string(word) + "`")
	}
	return b.String()
}

// address reads what a server listens on.
func (d *decoder) address(n *node) (string, bool) {
	return d.addressFor(n, "an address to listen on such as :8080 or 127.0.0.1:8080", "")
}

// addressFor is address for a value that may be a word too, or "" where it may not. Its problems expect what.
func (d *decoder) addressFor(n *node, what, word string) (string, bool) {
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	host, port, err := net.SplitHostPort(text)
	_, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || strings.ContainsAny(host, " /") {
		hint := wordHint(text, word)
		if hint == "" && isDigits(text) {
			hint = "did you mean `:" + text + "`?"
		}
		d.expected(n, what, hint)
		return "", false
	}
	return text, true
}

// addressOrOff reads an address, or `off`, which is "".
func (d *decoder) addressOrOff(n *node) (string, bool) {
	if isWord(n, off) {
		return "", true
	}
	return d.addressFor(n, "an address to listen on such as :8080 or 127.0.0.1:8080, or `off`", off)
}

// fieldPath reads the path of a protobuf field: identifiers joined with dots.
func (d *decoder) fieldPath(n *node) (string, bool) {
	return d.fieldPathFor(fieldPathText)(n)
}

// fieldPathFor is fieldPath for a value that may have other forms too. Its problems expect what.
func (d *decoder) fieldPathFor(what string) func(*node) (string, bool) {
	return d.textThat(what, isFieldPath)
}

// isFieldPath reports whether text is identifiers joined with dots.
func isFieldPath(text string) bool {
	for part := range strings.SplitSeq(text, ".") {
		if !isIdentifier(part) {
			return false
		}
	}
	return true
}

// isIdentifier reports whether text is a protobuf identifier: a letter or underscore, then letters, digits, underscores.
func isIdentifier(text string) bool {
	if text == "" || text[0] >= '0' && text[0] <= '9' {
		return false
	}
	for _, r := range text {
		if !isWordRune(r) {
			return false
		}
	}
	return true
}
