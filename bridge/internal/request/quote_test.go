package request

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatAClientSentIsRepeatedSafely(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `""`,
		"a\r\nb":                 `"a\r\nb"`,
		`a"b`:                    `"a\"b"`,
		"\x1b[31m\u202e":         `"\x1b[31m\u202e"`,
		"\xff":                   `"\xff"`,
		strings.Repeat("x", 100): `"` + strings.Repeat("x", 100) + `"`,
		strings.Repeat("x", 101): `"` + strings.Repeat("x", 100) + `\u2026"`,
	} {
		assert.Equal(t, want, Quote(text))
	}
	assert.Len(t, Shorten(strings.Repeat("x", 1<<20)), 100+len("…"))
	assert.Equal(t, "a\nb", Shorten("a\nb"), "the log writes the text in quotes")
}
