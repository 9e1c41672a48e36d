package frame_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

func TestNegotiate(t *testing.T) {
	for _, tt := range []struct {
		values string // one a line
		want   frame.Encoding
	}{
		{"gzip, deflate, br, zstd", frame.Gzip}, // Chromium, Firefox
		{"gzip, deflate, br", frame.Gzip},       // Safari
		{"gzip, deflate", frame.Gzip},           // fetch of Node.js
		{"gzip", frame.Identity},                // Go, which takes an end without trailer for a broken connection
		{"zstd", frame.Zstd},
		{"", frame.Identity},
		{"deflate, br", frame.Identity},

		// gzip alone, in all its spellings: as Go.
		{"gzip;q=1", frame.Identity},
		{"gzip, identity", frame.Identity},
		{"gzip, *", frame.Identity},
		{"gzip;q=0.5, *", frame.Identity},
		{"*;q=0, gzip", frame.Identity},
		{"gzip, gzip", frame.Identity},
		{"gzip, x-gzip", frame.Identity},
		{"GZip", frame.Identity},
		{"x-gzip", frame.Identity},
		{" , gzip,, ", frame.Identity},
		{"gzip\ngzip", frame.Identity},
		{"gzip, deflate;q=0", frame.Identity},
		{"zstd;q=0, gzip", frame.Identity},
		{"identity;q=0.9, gzip;q=0.9", frame.Identity},
		{"gzip;q=0.1", frame.Identity},

		// Clients that say that plain text would do: no browser does.
		{"gzip;q=1.0,deflate;q=0.6,identity;q=0.3", frame.Identity}, // Ruby
		{"gzip, deflate, identity", frame.Identity},
		{"gzip, br, identity;q=0.001", frame.Identity},
		{"gzip, deflate, *", frame.Identity},
		{"gzip, deflate, br, *;q=0.1", frame.Identity},
		{"gzip, deflate, *;q=0", frame.Gzip},
		{"gzip, deflate, *, identity;q=0", frame.Gzip},
		{"gzip, *x", frame.Gzip}, // a coding, and not "*"
		{"zstd, gzip, identity", frame.Zstd},
		{"zstd, gzip, *", frame.Zstd},
		{"zstd;q=0.1, gzip, identity;q=0.1", frame.Zstd},

		// Qualities.
		{"gzip;q=1.0, zstd;q=0.9", frame.Gzip},
		{"gzip;q=0.001, zstd;q=0.002", frame.Zstd},
		{"zstd;q=0.5, gzip;q=0.5", frame.Gzip},
		{"gzip;q=0, br", frame.Identity},
		{"gzip;q=0.000, zstd;q=0.0", frame.Identity},
		{"gzip;q=0., zstd;q=1.", frame.Zstd},
		{"gzip, br;q=0.001", frame.Gzip},
		{"br, gzip ; q=0.5\t;", frame.Identity},
		{"br, gzip \t; \tQ=0.5", frame.Gzip},

		// Identity.
		{"identity", frame.Identity},
		{"identity, gzip;q=0.9, br", frame.Identity},
		{"identity;q=0.9, gzip;q=0.9, br", frame.Identity},
		{"identity;q=0", frame.Identity},               // and nothing else to be had
		{"identity;q=0, br, gzip;q=0", frame.Identity}, // likewise
		{"identity;q=0, gzip;q=0.1", frame.Gzip},       // and nothing else wanted

		// What is not named is not used.
		{"*", frame.Identity},
		{"*;q=1, deflate", frame.Identity},
		{"gzipped, zstd2, x-zstd", frame.Identity},

		// Spelling.
		{"GZip, BR", frame.Gzip},
		{"x-gzip, br", frame.Gzip},
		{"ZSTD", frame.Zstd},
		{" , gzip,,br ", frame.Gzip},
		{"gzip;q=0.4\nzstd;q=0.5", frame.Zstd},
		{"br\n\ngzip", frame.Gzip},

		// Named twice: the lowest.
		{"gzip, gzip;q=0, br", frame.Identity},
		{"gzip;q=0, gzip, br", frame.Identity},
		{"x-gzip;q=0\ngzip, br", frame.Identity},
		{"identity, identity;q=0.1, gzip;q=0.2, br", frame.Identity},
		{"identity, identity;q=0, gzip;q=0.2, br", frame.Gzip},

		// Malformed anywhere: none.
		{"br, gzip;q=1.1", frame.Identity},
		{"br, gzip;q=1.001", frame.Identity},
		{"br, gzip;q=2", frame.Identity},
		{"br, gzip;q=-1", frame.Identity},
		{"br, gzip;q=.5", frame.Identity},
		{"br, gzip;q=0.1234", frame.Identity},
		{"br, gzip;q=0.5.5", frame.Identity},
		{"br, gzip;q=0,5", frame.Identity}, // "5" would be a coding; but "gzip;q=0" alone is a refusal
		{"br, gzip;q=", frame.Identity},
		{"br, gzip;q", frame.Identity},
		{"br, gzip;", frame.Identity},
		{"br, gzip; q = 1", frame.Identity},
		{"br, gzip;level=1", frame.Identity},
		{"br, gzip;q=1;q=1", frame.Identity},
		{"br, gzip zstd", frame.Identity},
		{"br, gzip, z std", frame.Identity},
		{"br, gzip, \"zstd\"", frame.Identity},
		{"br, gzip, é", frame.Identity},
		{"br, gzip\x00", frame.Identity},
		{"br, gzip, ;q=1", frame.Identity},
		{"br, gzip\nzstd;q=9", frame.Identity},
	} {
		assert.Equal(t, tt.want, frame.Negotiate(strings.Split(tt.values, "\n")), "%q", tt.values)
	}
	assert.Equal(t, frame.Identity, frame.Negotiate(nil), "no such header")
}

func TestNegotiatingAllocatesNothing(t *testing.T) {
	values := []string{"gzip, deflate, br, zstd", "identity;q=0.5, *;q=0"}
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = frame.Negotiate(values) }))
}

// TestNegotiateIsBlindToOrder draws well-formed headers in any spelling and order: the choice depends on the qualities alone.
func TestNegotiateIsBlindToOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		qualities := map[string]int{}
		var elements []string
		for _, coding := range []string{"gzip", "zstd", "identity", "br", "*"} {
			if !rapid.Bool().Draw(t, "named") {
				continue
			}
			q := rapid.SampledFrom([]int{0, 1, 200, 500, 999, 1000}).Draw(t, "thousandths")
			qualities[coding] = q
			if rapid.Bool().Draw(t, "upper case") {
				coding = strings.ToUpper(coding)
			}
			space := rapid.SampledFrom([]string{"", " ", "\t "})
			if q < 1000 || rapid.Bool().Draw(t, "weighted") {
				coding += space.Draw(t, "before") + ";" + space.Draw(t, "after") + fmt.Sprintf("q=%d.%03d", q/1000, q%1000)
			}
			elements = append(elements, space.Draw(t, "before")+coding+space.Draw(t, "after"))
		}
		want := frame.Identity
		best, refusesIdentity := qualities["identity"]
		refusesIdentity = refusesIdentity && best == 0
		_, namesIdentity := qualities["identity"]
		plain := qualities["identity"] > 0 || qualities["*"] > 0 && !namesIdentity
		beyondGzip := refusesIdentity || (qualities["zstd"] > 0 || qualities["br"] > 0) && !plain
		for _, e := range []frame.Encoding{frame.Zstd, frame.Gzip} {
			if q := qualities[e.String()]; q > 0 && q >= best && (e != frame.Gzip || beyondGzip) {
				want, best = e, q
			}
		}
		elements = rapid.Permutation(elements).Draw(t, "order")
		cut := rapid.IntRange(0, len(elements)).Draw(t, "cut")
		values := []string{strings.Join(elements[:cut], ","), strings.Join(elements[cut:], ",")}
		require.Equal(t, want, frame.Negotiate(values), "%q", values)
	})
}

// FuzzNegotiate feeds any header: a coding is chosen only where its name stands in it as an element of the list.
func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{
		"gzip, deflate, br, zstd", "*", "gzip;q=0", "identity;q=0, zstd;q=0.001", "x-gzip;q=1.000", ";", "gzip;q=1.1", ",,\t", "gzip\x00",
		"gzip;q=0.5;q=1", "é", "zstd ; Q=0.10",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := frame.Negotiate([]string{value})
		require.Equal(t, got, frame.Negotiate([]string{"", value + ","}), "empty elements mean nothing")
		require.Equal(t, frame.Identity, frame.Negotiate([]string{value, "gzip;q=0, zstd;q=0"}), "what is refused is not used")
		require.Equal(t, frame.Identity, frame.Negotiate([]string{value, ";"}), "malformed")
		if got == frame.Identity {
			return
		}
		var names []string
		for element := range strings.SplitSeq(strings.ToLower(value), ",") {
			name, _, _ := strings.Cut(element, ";")
			names = append(names, strings.TrimPrefix(strings.Trim(name, " \t"), "x-"))
		}
		require.Contains(t, names, got.String())
	})
}
