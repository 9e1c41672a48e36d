package transcode

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// strconvJSON prints a number as encoding/json and protojson do.
func strconvJSON(v float64, bitSize int) string {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 {
		if bitSize == 64 && (abs < 1e-6 || abs >= 1e21) || bitSize == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
			format = 'e'
		}
	}
	b := strconv.AppendFloat(nil, v, format, -1, bitSize)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return string(b)
}

func requireDouble(t *testing.T, v float64) {
	t.Helper()
	var room [64]byte
	if got := string(appendDouble(room[:0], v)); got != strconvJSON(v, 64) {
		require.Equal(t, strconvJSON(v, 64), got, "%x", math.Float64bits(v))
	}
}

func requireFloat(t *testing.T, v float32) {
	t.Helper()
	var room [64]byte
	if got := string(appendFloat(room[:0], v)); got != strconvJSON(float64(v), 32) {
		require.Equal(t, strconvJSON(float64(v), 32), got)
	}
}

func TestAppendDouble(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	// These are all powers of two and of ten, and their neighbours: the gaps between doubles change there.
	for e := range 2047 {
		for _, fraction := range []uint64{0, 1, 2, 3, 1<<52 - 1, 1<<52 - 2, random.Uint64() >> 12} {
			requireDouble(t, math.Float64frombits(uint64(e)<<52|fraction))
		}
	}
	for e := -324; e <= 308; e++ {
		v, err := strconv.ParseFloat("1e"+strconv.Itoa(e), 64)
		require.NoError(t, err)
		for _, w := range []float64{v, math.Nextafter(v, 0), math.Nextafter(v, math.Inf(1)), 9 * v, 5 * v, 1.5 * v} {
			if !math.IsInf(w, 0) {
				requireDouble(t, w)
			}
		}
	}
	rounds := 100_000
	if testing.Short() {
		rounds = 10_000
	}
	for range rounds {
		if v := math.Float64frombits(random.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			requireDouble(t, v)
		}
		requireDouble(t, random.Float64())
		requireDouble(t, random.NormFloat64()*1000)
		requireDouble(t, float64(random.Int64N(1e9))/math.Pow10(random.IntN(9)))
		requireDouble(t, float64(random.Uint64()>>random.IntN(64)))
		requireDouble(t, float64(random.Uint64()>>random.IntN(64))/8)
	}
}

func TestAppendFloat(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		v := math.Float32frombits(random.Uint32())
		if v != v || math.IsInf(float64(v), 0) {
			continue
		}
		requireFloat(t, v)
		requireFloat(t, float32(random.Int32N(1e7))/1000)
		requireFloat(t, float32(random.Int32N(1e7))/100)
		requireFloat(t, float32(random.Uint32()>>random.IntN(32)))
	}
}

func TestSpecialFloats(t *testing.T) {
	var room [64]byte
	for want, v := range map[string]float64{`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), "-0": math.Copysign(0, -1)} {
		require.Equal(t, want, string(appendDouble(room[:0], v)))
		require.Equal(t, want, string(appendFloat(room[:0], float32(v))))
	}
}

func FuzzAppendDouble(f *testing.F) {
	for _, v := range []float64{0, 1, 0.1, 1e21, 1e-7, 5e-324, math.MaxFloat64, 123456.789} {
		f.Add(math.Float64bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		if v := math.Float64frombits(bits); !math.IsNaN(v) && !math.IsInf(v, 0) {
			requireDouble(t, v)
		}
	})
}

func BenchmarkAppendDouble(b *testing.B) {
	for name, v := range map[string]float64{"two-decimals": 189.27, "17-digits": 0.12345678901234568, "integer": 1234} {
		b.Run(name, func(b *testing.B) {
			var room [64]byte
			for b.Loop() {
				appendDouble(room[:0], v)
			}
		})
		b.Run(name+"/strconv", func(b *testing.B) {
			var room [64]byte
			for b.Loop() {
				strconv.AppendFloat(room[:0], v, 'f', -1, 64)
			}
		})
	}
}
