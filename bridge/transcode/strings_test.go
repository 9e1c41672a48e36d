package transcode

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// requireString compares appendString with protojson, with and without bytes behind the string, and with and without room.
func requireString(t testing.TB, s string) {
	t.Helper()
	for _, room := range []int{0, len(s), 8 * len(s), 64 + 8*len(s)} {
		for _, behind := range []string{"", "\"\x00\xff\"\x00\xff\"\x00\xff"} {
			got, ok := unlimited().appendString(append(make([]byte, 0, room+1), 'x'), []byte(s + behind)[:len(s)])
			require.Equal(t, utf8.ValidString(s), ok, "%q", s)
			if !ok {
				continue
			}
			want, err := protojson.Marshal(wrapperspb.String(s))
			require.NoError(t, err)
			if !bytes.Equal(want, got[1:]) {
				require.Equal(t, string(want), string(got[1:]))
			}
		}
	}
}

// These tests put every byte at every place of blocks, words and tails.
func TestAppendStringEveryByte(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 50} {
		for at := range size {
			for c := range 256 {
				s := []byte(strings.Repeat("a", size))
				s[at] = byte(c)
				requireString(t, string(s))
			}
		}
	}
}

func TestAppendStringRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "plain text ", "\"", "\\", "\n\t", "\x00", "\x1f", "\x7f", "é", "日本語", "😀", "\ufffd", "\u2028", "\xff", "\xed\xa0\x80"}
	for range 20_000 {
		var s strings.Builder
		valid := random.IntN(4) > 0
		for range random.IntN(20) {
			n := len(pieces)
			if valid {
				n -= 2
			}
			s.WriteString(strings.Repeat(pieces[random.IntN(n)], 1+random.IntN(3)))
		}
		requireString(t, s.String())
	}
}

// The output is safe in a line of text for every string.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", "\r\n\x00", "é\"", strings.Repeat("x", 40) + "\n", "12345678\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		requireString(t, string(s))
		got, ok := unlimited().appendString(nil, s)
		if !ok {
			return
		}
		assert.False(t, bytes.ContainsAny(got, "\r\n\x00"))
		var back string
		require.NoError(t, json.Unmarshal(got, &back))
		assert.Equal(t, string(s), back)
	})
}

func TestNeedsEscape(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		x := random.Uint64()
		if random.IntN(2) == 0 { // close to the bytes that matter
			x = uint64(random.IntN(256))*everyByte ^ 1<<random.IntN(64)
		}
		var want uint64
		for i := range 8 {
			if c := byte(x >> (8 * i)); c < 0x20 || c == '"' || c == '\\' {
				want |= 0x80 << (8 * i)
			}
		}
		require.Equal(t, want, needsEscape(x), "%016x", x)
	}
}

func unlimited() *walk { return &walk{budget: budget{limit: math.MaxInt}} }
