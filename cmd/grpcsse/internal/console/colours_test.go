package console

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// luminance returns the relative luminance of a colour such as "#0c6e69", as WCAG 2.2 defines it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(colour[1:], 16, 32)
	require.NoError(t, err)
	linear := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

// Text has a contrast of 4.5, and the border of an input one of 3, in both themes: level AA of WCAG 2.2.
func TestTheColoursHaveContrast(t *testing.T) {
	colours := map[string][]string{}
	for _, match := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(pageFiles(t)["base.css"], -1) {
		colours[match[1]] = match[2:]
	}
	require.Greater(t, len(colours), 10)
	grounds := []string{"paper", "card", "sunk"}
	for _, test := range []struct {
		fore  string
		backs []string
		least float64
	}{
		{"ink", append(grounds, "wash", "bad-wash", "wait-wash"), 4.5}, {"soft", append(grounds, "wash", "bad-wash"), 4.5},
		{"accent", append(grounds, "wash"), 4.5}, {"up", append(grounds, "wash"), 4.5}, {"down", append(grounds, "bad-wash"), 4.5},
		{"wait", append(grounds, "wait-wash"), 4.5}, {"on-accent", []string{"accent"}, 4.5}, {"mark", grounds, 3},
	} {
		for _, back := range test.backs {
			require.Len(t, colours[test.fore], 2, test.fore)
			require.Len(t, colours[back], 2, back)
			for theme := range 2 {
				a, b := luminance(t, colours[test.fore][theme]), luminance(t, colours[back][theme])
				ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05)
				assert.GreaterOrEqual(t, ratio, test.least, "%s on %s in theme %d has a contrast of %.2f", test.fore, back, theme, ratio)
			}
		}
	}
}
