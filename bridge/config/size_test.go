package config

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	good := map[string]Size{
		"0": 0, "1": 1, "65536": 64 * KiB, "64KiB": 64 * KiB, "4MiB": 4 * MiB, "1GiB": GiB, "007KiB": 7 * KiB,
		"9223372036854775807": math.MaxInt64, "8589934591GiB": 8589934591 * GiB,
	}
	for text, want := range good {
		got, ok := parseSize(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "KiB", "-1", "+1", "1.5MiB", "4 MiB", "4MB", "4kib", "4K", "1e3", "0x10", "1_000", "9223372036854775808", "8589934592GiB", "٣KiB",
	} {
		_, ok := parseSize(text)
		assert.False(t, ok, text)
	}
}

func TestSizeString(t *testing.T) {
	for size, want := range map[Size]string{0: "0", 1: "1", 1023: "1023", 1024: "1KiB", 1536: "1536", 4 * MiB: "4MiB", 3 * GiB: "3GiB", 1025 * MiB: "1025MiB"} {
		assert.Equal(t, want, size.String())
	}
}

func TestSizeSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := Size(rapid.Int64Range(0, math.MaxInt64).Draw(t, "n")) &^ Size(rapid.SampledFrom([]int64{0, int64(KiB - 1), int64(MiB - 1), int64(GiB - 1)}).Draw(t, "mask"))
		got, ok := parseSize(size.String())
		if !ok || got != size {
			t.Fatalf("%d became %v, %v", size, got, ok)
		}
	})
}

func TestSizeHint(t *testing.T) {
	for text, want := range map[string]string{
		"4MB": "4MiB", "4m": "4MiB", "128 kib": "128KiB", "1G": "1GiB", "12B": "12", "": "", "x": "", "4 parsecs": "", "12": "",
	} {
		if want != "" {
			want = "did you mean `" + want + "`?"
		}
		assert.Equal(t, want, sizeHint(text), text)
	}
}
