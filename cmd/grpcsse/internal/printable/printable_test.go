package printable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
)

func TestWhatATerminalWouldActOnIsWrittenOut(t *testing.T) {
	const scripts = "価格\u3000héllo 👩\u200d👩\u200d👧 می\u200cخواهم"
	for name, tt := range map[string]struct{ text, want string }{
		"plain":           {`{"price":1.5}`, `{"price":1.5}`},
		"other scripts":   {scripts, scripts},
		"escape sequence": {"\x1b]0;title\x07", `\x1b]0;title\x07`},
		"C1 control":      {"a\u009b31m", `a\x9b31m`},
		"a raw C1 byte":   {"a\x9b31m", `a\x9b31m`},
		"bidi override":   {"abc\u202edef\u2066", `abc\u202edef\u2066`},
		"line breaks":     {"a\nb\rc\td\u2028e", `a\nb\rc\td\u2028e`},
		"delete and NUL":  {"\x7f\x00", `\x7f\x00`},
		"a tag":           {"\U000e0041", `\U000e0041`},
		"invalid UTF-8":   {"\xff\xc3", `\xff\xc3`},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, printable.Line(tt.text)) })
	}
	assert.Equal(t, "a\n\tb\\r", printable.Lines("a\n\tb\r"))
	assert.Equal(t, "ab…", printable.Short("abü", 3))
	assert.Equal(t, "abü", printable.Short("abü", 4))
}

// No text, however it is made, comes out with something that a terminal acts on. JSON keeps its value all the same.
func TestNothingThatATerminalActsOnComesOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.OneOf(
			rapid.Byte(), rapid.SampledFrom([]byte("\x1b\x9b\xe2\x80\xae\r\n\t\x7f\xf3\xa0\x81\x81")),
		)).Draw(t, "bytes"))
		for _, shown := range []string{printable.Line(text), printable.Short(text, 20)} {
			assertHarmless(t, shown)
		}
		assertHarmless(t, strings.NewReplacer("\n", "", "\t", "").Replace(printable.Lines(text)))

		valid := strings.ToValidUTF8(text, "?")
		line, err := printable.JSON(map[string]string{"data": valid})
		require.NoError(t, err)
		assertHarmless(t, string(line))
		var back map[string]string
		require.NoError(t, json.Unmarshal(line, &back))
		assert.Equal(t, valid, back["data"])
	})
}

func assertHarmless(t *rapid.T, shown string) {
	assert.True(t, utf8.ValidString(shown), "%q", shown)
	for _, r := range shown {
		assert.False(t, unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp), "%q in %q", r, shown)
		assert.False(t, unicode.Is(unicode.Bidi_Control, r), "%q in %q", r, shown)
	}
}
