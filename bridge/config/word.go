package config

import (
	"strings"
	"time"
)

// These words stand in place of a number, a duration or a section. The number 0 never stands for one of them, since a reader could
// take it for "none" and for "any number".
const (
	off       = "off"
	auto      = "auto"
	unlimited = "unlimited"
)

// isWord reports whether n is a word. `false` counts as `off`, which some YAML readers make of it.
func isWord(n *node, word string) bool {
	if n.kind != scalar || len(n.value) != 1 || n.value[0].Ref != "" {
		return false
	}
	text := n.value[0].Text
	return text == word || word == off && text == "false"
}

// wordHint returns a hint for text that was written instead of a word: 0 in any unit, nothing, or another word of that meaning. It
// returns "" for any other text, and where no word is expected.
func wordHint(text, word string) string {
	if word == "" {
		return ""
	}
	switch strings.ToLower(text) {
	case "", "0", "-0", "+0", "off", "no", "n", "none", "never", "false", "disabled", "auto", "unlimited", "infinite", "infinity", "inf", "-1":
		return "did you mean `" + word + "`?"
	}
	if d, err := time.ParseDuration(text); err == nil && d == 0 {
		return "did you mean `" + word + "`?"
	}
	return ""
}
