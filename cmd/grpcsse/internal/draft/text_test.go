package draft

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// Any text as a comment changes nothing in a file, and has a bounded number of lines of bounded length.
func TestAnyTextRemainsAComment(t *testing.T) {
	pieces := []string{
		"word", " ", "  - path: /x", "\n", "\r", "\r\n", "\u2028", "\u2029", "\u0085", "\x00", "\x1b[2J", "\u202e", "\ufeff", "\uffff", "\xff", "#",
		": ", "{", "\"", "'", "\t", strings.Repeat("x", 300), strings.Repeat("w ", 200), "\U0001f600", "%", "---", "...",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 30).Draw(t, "pieces"), "")
		most := rapid.IntRange(1, maxDocLines).Draw(t, "most")
		b := new(bytes.Buffer)
		b.WriteString("a: 1\n")
		comment(b, "  ", text, most)
		b.WriteString("b: 2\n")
		file := b.String()
		lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
		assert.LessOrEqual(t, len(lines), 2+most)
		for _, line := range lines[1 : len(lines)-1] {
			assert.True(t, strings.HasPrefix(line, "  #"), "%q", line)
			assert.LessOrEqual(t, len([]rune(line)), maxColumns+len(" ..."), "%q", line)
			assert.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
		}
		var out map[string]int
		require.NoError(t, yaml.Unmarshal([]byte(file), &out), "%q", file)
		assert.Equal(t, map[string]int{"a": 1, "b": 2}, out)
	})
}

// Any word reads back as the text that it was, in a mapping between braces and in one without.
func TestAnyWordReadsBack(t *testing.T) {
	odd := []string{
		"null", "Null", "true", "FALSE", "yes", "No", "on", "OFF", "y", "N", "~", "_", "1", "0x1", "1e3", "a-b", "a.b", "/a/{b}", "{a}", "a: b",
		"- a", "#", "", " a", "a b", "\"", "'", "\n", "\u2028", "*a", "&a", "!a", "a,b", "[a]", "%a", "@a", "`a",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SampledFrom(odd), rapid.String(), rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,8}`)).Draw(t, "text")
		text = strings.ToValidUTF8(strings.ReplaceAll(text, "$", ""), "")
		read := func(file string, out any) {
			require.NoError(t, yaml.Unmarshal([]byte(file), out), "%q", file)
		}
		var block map[string]any
		read("key: "+word(text)+"\n", &block)
		assert.Equal(t, map[string]any{"key": text}, block, "%q", text)
		if strings.Contains(text, "{") {
			return // only paths have braces, and they do not stand between braces
		}
		var flow map[string]map[string]any
		read("key: {"+word(text)+": "+word(text)+"}\n", &flow)
		assert.Equal(t, map[string]any{text: text}, flow["key"], "%q", text)
	})
}

func TestADollarIsDoubled(t *testing.T) {
	assert.Equal(t, `"$${env.HOME}"`, quoted("${env.HOME}"))
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"one two three", []string{"one two", "three"}},
		{"  one two three", []string{"  one", "  two", "  three"}},
		{"0123456789abc", []string{"01234567", "89abc"}},
		{"a\n\nb", []string{"a", "", "b"}},
	} {
		assert.Equal(t, test.want, wrap(test.text, 8), "%q", test.text)
	}
}
