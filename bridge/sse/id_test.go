package sse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

func TestEncodeIDSendsSafeValuesAsTheyAre(t *testing.T) {
	for _, value := range []string{"0", "4711", "a~b", "grpc-end2", `{"a":1}`, "!", strings.Repeat("x", 128)} {
		id, ok := sse.EncodeID([]byte(value))
		require.True(t, ok, value)
		assert.Equal(t, value, id.String())
	}
}

func TestEncodeIDHidesWhatCannotTravel(t *testing.T) {
	for value, text := range map[string]string{
		"grpc-end":              "~Z3JwYy1lbmQ",
		"~":                     "~fg",
		"~abc":                  "~fmFiYw",
		" ":                     "~IA",
		"a b":                   "~YSBi",
		"a\nevent: x":           "~YQpldmVudDogeA",
		"\x00":                  "~AA",
		"\x7f":                  "~fw",
		"é":                     "~w6k",
		"\xff\xfe\xfd":          "~__79",
		strings.Repeat(" ", 95): "~" + strings.Repeat("ICAg", 31) + "ICA",
	} {
		id, ok := sse.EncodeID([]byte(value))
		require.True(t, ok, "%q", value)
		assert.Equal(t, text, id.String())
		back, err := sse.DecodeID(text)
		require.NoError(t, err)
		assert.Equal(t, value, back)
	}
}

func TestEncodeIDLeavesOutWhatIsTooLongOrEmpty(t *testing.T) {
	for _, value := range []string{"", strings.Repeat("x", 129), strings.Repeat(" ", 96), strings.Repeat("x", 1<<20)} {
		id, ok := sse.EncodeID([]byte(value))
		assert.False(t, ok, "%d bytes", len(value))
		assert.True(t, id.IsZero())
	}
}

func TestDecodeIDRefusesWhatIsNeverSent(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "found none",
		"grpc-end":                   "ends a stream",
		strings.Repeat("x", 129):     "at most 128 bytes, found 129",
		"a b":                        "byte 0x20 at offset 1",
		"a\nb":                       "byte 0x0a at offset 1",
		"\x00":                       "byte 0x00 at offset 0",
		"é":                          "byte 0xc3 at offset 0",
		"~":                          "expected base64url",
		"~a":                         "expected base64url",
		"~IA==":                      "expected base64url",
		"~IB":                        "expected base64url", // trailing bits that are not zero: a second spelling of " "
		"~__+9":                      "expected base64url",
		"~NDcxMQ":                    "never encoded", // "4711" travels as it is
		"~" + strings.Repeat("A", 1): "expected base64url",
	} {
		_, err := sse.DecodeID(text)
		require.ErrorContains(t, err, want, "%q", text)
		assert.Less(t, len(err.Error()), 200, "an error must not repeat what a client sent")
		_, err = sse.ParseID(text)
		require.Error(t, err, "%q", text)
	}
}

func TestIDsAreBijective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SliceOfN(rapid.Byte(), 1, 95).Draw(t, "value")
		id, ok := sse.EncodeID(value)
		require.True(t, ok)
		require.NotEqual(t, sse.EndID, id.String())

		back, err := sse.DecodeID(id.String())
		require.NoError(t, err)
		require.Equal(t, string(value), back)

		parsed, err := sse.ParseID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, parsed)
	})
}

func TestEndID(t *testing.T) {
	assert.Equal(t, "grpc-end", sse.End().String())
	assert.False(t, sse.End().IsZero())
	assert.True(t, sse.ID{}.IsZero())
}

// FuzzDecodeID feeds what a client may send as Last-Event-ID: it is refused, or it is exactly what its value encodes to.
func FuzzDecodeID(f *testing.F) {
	for _, seed := range []string{"", "4711", "grpc-end", "~", "~IA", "~IB", "~NDcxMQ", "a\r\nb", "\x00", "é", "~Z3JwYy1lbmQ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := sse.DecodeID(text)
		if err != nil {
			return
		}
		id, ok := sse.EncodeID([]byte(value))
		require.True(t, ok)
		require.Equal(t, text, id.String())
	})
}
