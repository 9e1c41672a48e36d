package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzMessage states that what can be read is what would be written: no two messages mean the same, and nothing is left out.
func FuzzMessage(f *testing.F) {
	for _, body := range hostile(f) {
		f.Add(body[:min(len(body), 1024)])
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := readMessage(body, now)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		again, err := appendMessage(nil, *m, now)
		require.NoError(t, err)
		require.Equal(t, body, again)
	})
}

// FuzzPiece states that no piece makes a replica panic, whatever came before it.
func FuzzPiece(f *testing.F) {
	c := newCodec(f, plain)
	whole := one(f, c, "s", Message{"A", Left{"k"}})
	parts, err := c.Encode("s", bigPage(f, 600), 512)
	require.NoError(f, err)
	f.Add(whole, parts[0])
	f.Add(parts[0], parts[1])
	f.Add(parts[1], parts[0])
	f.Add(one(f, newCodec(f), "s", Message{"A", Left{"k"}}), []byte(magic))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, c := range []*Codec{newCodec(t, plain), newCodec(t)} {
			for _, piece := range [][]byte{first, second} {
				m, err := c.Decode("s", piece)
				require.False(t, m != nil && err != nil)
			}
			require.LessOrEqual(t, c.parts.bytes, len(first)+len(second))
		}
	})
}
