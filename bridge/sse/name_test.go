package sse_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

func TestSafeName(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		renamed    bool
	}{
		{"quote", "quote", false},
		{"stock split", "stock split", false},
		{"a.b-c", "a.b-c", false},
		{"価格", "価格", false},
		{"", "", false},
		{"error", "error_", true},
		{"open", "open_", true},
		{"message", "message_", true},
		{"grpc-", "grpc-_", true},
		{"grpc-status", "grpc-status_", true},
		{"grpc-status_", "grpc-status__", true},
		{"Error", "Error", false}, // names are case-sensitive
		{"errors", "errors", false},
		{"grpc", "grpc", false},
		{"a\nid: 1", "a_id: 1", true},
		{"a\r\nb", "a__b", true},
		{"\x00", "_", true},
		{"a\x85\u0085\u2028b", "a___b", true},
		{"\ufeffa", "_a", true},
		{"grpc-\n", "grpc-__", true},
		{strings.Repeat("x", 128), strings.Repeat("x", 128), false},
		{strings.Repeat("x", 129), strings.Repeat("x", 128), true},
		{strings.Repeat("x", 127) + "é", strings.Repeat("x", 127), true},
		{"grpc-" + strings.Repeat("x", 130), "grpc-" + strings.Repeat("x", 122) + "_", true},
	} {
		name, renamed := sse.SafeName(tc.text)
		assert.Equal(t, tc.want, name.String(), "%q", tc.text)
		assert.Equal(t, tc.renamed, renamed, "%q", tc.text)
	}
}

func TestSafeNameHoldsItsPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.Map(rapid.String(), func(s string) string { return "grpc-" + s }),
		).Draw(t, "text")
		name, renamed := sse.SafeName(text)

		require.Equal(t, name.String() != text, renamed)
		require.Equal(t, text == "", name.IsZero())
		require.LessOrEqual(t, len(name.String()), sse.MaxNameBytes)
		require.True(t, utf8.ValidString(name.String()))
		for _, r := range name.String() {
			require.True(t, unicode.IsPrint(r), "%U", r)
		}
		require.NotContains(t, bridgeNames(), name)

		parsed, err := sse.ParseName(text)
		require.Equal(t, renamed || text == "", err != nil, "ParseName takes exactly what SafeName leaves alone")
		if err == nil {
			require.Equal(t, name, parsed)
		}
	})
}

func TestParseNameSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "found none",
		"error":                  `event name "error" is reserved`,
		"grpc-mine":              `event name "grpc-mine" is reserved`,
		"a\nb":                   "byte 0x0a at offset 1",
		"ab\xff":                 "byte 0xff at offset 2",
		strings.Repeat("x", 129): "at most 128 bytes, found 129",
	} {
		_, err := sse.ParseName(text)
		require.ErrorContains(t, err, want)
	}
}

func TestBridgeNames(t *testing.T) {
	var got []string
	for _, n := range bridgeNames() {
		got = append(got, n.String())
		_, err := sse.ParseName(n.String())
		require.Error(t, err, "nobody else may use %s", n)
	}
	assert.Equal(t, []string{"grpc-status", "grpc-end", "grpc-reset", "grpc-cursor", "grpc-stale", "grpc-live"}, got)
}

func bridgeNames() []sse.Name {
	return []sse.Name{sse.StatusName(), sse.EndName(), sse.ResetName(), sse.CursorName(), sse.StaleName(), sse.LiveName()}
}
