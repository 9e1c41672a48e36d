package transcode

import (
	"hash/maphash"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestAppendInt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(v uint64) {
		var room [32]byte
		if got := string(appendUint(room[:0], v)); got != strconv.FormatUint(v, 10) {
			require.Equal(t, strconv.FormatUint(v, 10), got)
		}
		if got := string(appendInt(room[:0], int64(v))); got != strconv.FormatInt(int64(v), 10) {
			require.Equal(t, strconv.FormatInt(int64(v), 10), got)
		}
	}
	for v := range uint64(100_000) {
		check(v)
		check(-v)
	}
	for power := uint64(1); power < math.MaxUint64/10; power *= 10 {
		check(power - 1)
		check(power)
		check(power + 1)
	}
	for range 300_000 {
		check(random.Uint64() >> random.IntN(64))
	}
}

func TestDigits8(t *testing.T) {
	for v := uint32(0); v < 1e8; v += 37 {
		want := uint64(0)
		for i, rest := 0, v; i < 8; i, rest = i+1, rest/10 {
			want = want<<8 | uint64(rest%10)
		}
		if got := digits8(v); got != want {
			require.Equal(t, want, got, v)
		}
	}
}

// Every day from the year 1 to 9999.
func TestDate(t *testing.T) {
	tc := &Transcoder{}
	last := uint32((maxTimestamp - minTimestamp) / 86400)
	for days := range last + 1 {
		at := time.Unix(minTimestamp+int64(days)*86400, 0).UTC()
		year, month, day := date(days)
		if year != uint32(at.Year()) || month != uint32(at.Month()) || day != uint32(at.Day()) {
			require.Equal(t, at, []uint32{year, month, day})
		}
		want := digits8(year*10000 + month*100 + day)
		if first, kept := tc.dateDigits(days), tc.dateDigits(days); first != want || kept != want {
			require.Equal(t, []uint64{want, want}, []uint64{first, kept}, at)
		}
	}
}

func TestVarint(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300_000 {
		v := random.Uint64() >> random.IntN(64)
		wire := protowire.AppendVarint(nil, v)
		if random.IntN(3) == 0 { // a varint that is longer than needed, or broken
			wire[len(wire)-1] |= 0x80
			wire = append(wire, byte(random.IntN(3)))
		}
		size := random.IntN(len(wire) + 1)
		behind := random.IntN(12)
		buffer := append(append([]byte{}, wire...), make([]byte, behind)...)
		buffer = buffer[:len(buffer):len(buffer)]
		want, n := protowire.ConsumeVarint(buffer[:size:size])
		got, next := varint(buffer[:size], 0)
		if n < 0 {
			require.Equal(t, -1, next, "%x", buffer[:size])
			continue
		}
		require.Equal(t, n, next)
		require.Equal(t, want, got)
	}
}

func TestKeySet(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	tc := &Transcoder{secrets: [2]uint64{1, 3}}
	tc.pool.New = func() any { return new(scratch) }
	for range 300 {
		w := walk{t: tc}
		var set keySet
		known := map[uint64]bool{}
		for range random.IntN(200) {
			key := random.Uint64N(1 + uint64(random.IntN(10_000)))
			require.Equal(t, !known[key], w.addNumber(&set, key))
			if !known[key] && random.IntN(4) == 0 {
				set.dropLast()
				require.True(t, w.addNumber(&set, key))
			}
			known[key] = true
		}
		w.release(&set)
		if w.scratch != nil {
			w.giveBack()
		}
	}
}

// Keys that differ anywhere are told apart, at every length.
func TestKeySetTexts(t *testing.T) {
	tc := &Transcoder{seed: maphash.MakeSeed()}
	tc.pool.New = func() any { return new(scratch) }
	tc.secrets = newSecrets(tc.seed)
	for size := range 40 {
		w := walk{t: tc}
		var set keySet
		require.True(t, w.addText(&set, make([]byte, size)))
		for at := range size {
			for bit := range 8 {
				key := make([]byte, size)
				key[at] = 1 << bit
				require.True(t, w.addText(&set, key), "%x", key)
				require.False(t, w.addText(&set, key), "%x", key)
			}
		}
		require.False(t, w.addText(&set, make([]byte, size)))
	}
}
