package pathtmpl_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

// TestRouterAgreesWithRegularExpressions holds the router, whatever the order of its templates, against the plain reading:
// turn every template into a regular expression, take all that fit, and of those the most specific.
func TestRouterAgreesWithRegularExpressions(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "c", "a:x", ""})
	rapid.Check(t, func(t *rapid.T) {
		shapes := rapid.SliceOfNDistinct(rapid.Custom(drawShape), 1, 12, rapid.ID[string]).Draw(t, "shapes")
		shuffled := rapid.Permutation(shapes).Draw(t, "shuffled")
		path := "/" + strings.Join(rapid.SliceOfN(segment, 0, 4).Draw(t, "path"), "/") +
			rapid.SampledFrom([]string{"", "", ":x", ":y", "/"}).Draw(t, "tail")

		want := mostSpecific(shapes, path)
		for _, order := range [][]string{shapes, shuffled} {
			m := routes(t, order...).Match("GET", path, nil)
			require.Equal(t, want, m.Value, "%s with %q", path, order)
		}
	})
}

func drawShape(t *rapid.T) string {
	segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "a%3Ax"}), 0, 4).Draw(t, "segments")
	if rapid.IntRange(0, 3).Draw(t, "rest") == 0 {
		segments = append(segments, "**")
	}
	shape := "/" + strings.Join(segments, "/")
	if len(segments) > 0 {
		shape += rapid.SampledFrom([]string{"", "", ":x"}).Draw(t, "verb")
	}
	return shape
}

// mostSpecific returns the shape that must win, or "".
func mostSpecific(shapes []string, path string) string {
	var fits []string
	for _, shape := range shapes {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(shape), "%3A", ":")
		pattern = strings.ReplaceAll(pattern, `/\*\*`, `(/|/[^/].*)?`)
		pattern = strings.ReplaceAll(pattern, `\*`, `[^/]+`)
		if regexp.MustCompile("^" + pattern + "$").MatchString(path) {
			fits = append(fits, shape)
		}
	}
	if len(fits) == 0 {
		return ""
	}
	// As text, what is more specific must sort first: a verb, then literals, "*", the end, "**".
	rank := func(shape string) string {
		verb := "1"
		if s, ok := strings.CutSuffix(shape, ":x"); ok {
			shape, verb = s, "0"
		}
		r := strings.NewReplacer("**", "4", "*", "2", "a%3Ax", "0", "a", "0", "b", "0").Replace(strings.Trim(shape, "/"))
		return verb + strings.ReplaceAll(r, "/", "") + "3"
	}
	return slices.MinFunc(fits, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
}

// TestValuesSurviveExpansion expands templates as google/api/http.proto asks of clients, and matches the result.
func TestValuesSurviveExpansion(t *testing.T) {
	router := routes(t, "/one/{x}/end", "/several/{y=a/*/**}", "/verb/{z}:go")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 20, -1).Filter(func(s string) bool { return s != "." && s != ".." }).Draw(t, "value")
		escaped := strings.ReplaceAll(url.QueryEscape(value), "+", "%20")

		require.Equal(t, []string{value}, router.Match("GET", "/one/"+escaped+"/end", nil).Variables)
		require.Equal(t, []string{value}, router.Match("GET", "/verb/"+escaped+":go", nil).Variables)

		m := router.Match("GET", "/several/a/"+escaped+"/"+escaped, nil)
		require.Equal(t, pathtmpl.Found, m.Outcome)
		kept := strings.ReplaceAll(value, "/", "%2F")
		require.Equal(t, []string{"a/" + kept + "/" + kept}, m.Variables)
	})
}

// TestAValueOfSeveralSegmentsTellsThemApart holds what a variable captures against the plain reading: each segment decoded,
// and a slash in it written %2F. Two paths whose segments differ give two values, unless a segment has the text "%2F".
func TestAValueOfSeveralSegmentsTellsThemApart(t *testing.T) {
	router := routes(t, "/x/{v=**}")
	segment := rapid.OneOf(
		rapid.StringMatching(`[a%/2F5#@:?+ é]{1,6}`), // what is apt to be taken for something else
		rapid.StringN(1, 6, -1),
	).Filter(func(s string) bool { return s != "." && s != ".." })
	path := rapid.SliceOfN(segment, 1, 4)
	capture := func(t *rapid.T, segments []string) string {
		var b strings.Builder
		for _, text := range segments {
			b.WriteByte('/')
			for i := range len(text) {
				// What may stand in a path as it is may also be escaped, in either case.
				if c := text[i]; strings.IndexByte("aF25@:+", c) >= 0 && rapid.Bool().Draw(t, "plain") {
					b.WriteByte(c)
				} else {
					fmt.Fprintf(&b, "%%%02X", c)
				}
			}
		}
		m := router.Match("GET", "/x"+b.String(), nil)
		require.Equal(t, pathtmpl.Found, m.Outcome, b.String())
		return m.Variables[0]
	}
	rapid.Check(t, func(t *rapid.T) {
		one, other := path.Draw(t, "one"), path.Draw(t, "other")
		if rapid.Bool().Draw(t, "near") { // the same text in other segments
			other = strings.Split(strings.Join(one, "/"), "/")
			other = slices.DeleteFunc(other, func(s string) bool { return s == "" || s == "." || s == ".." })
		}
		a := capture(t, one)
		want := make([]string, len(one))
		for i, text := range one {
			want[i] = strings.ReplaceAll(text, "/", "%2F")
		}
		require.Equal(t, strings.Join(want, "/"), a)
		if len(other) == 0 || strings.Contains(strings.ToUpper(strings.Join(one, " ")+strings.Join(other, " ")), "%2F") {
			return
		}
		require.Equal(t, slices.Equal(one, other), a == capture(t, other), "%q and %q", one, other)
	})
}

// FuzzMatch feeds hostile paths: no panic, and a path that net/url refuses is never found.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{
		"/", "", "//", "/a/b", "/a/%2F", "/a/..", "/a/%2e%2E/x", "/a/%", "/a/%c0%af", "/a:go", "/:go", "/b/c//d:go", "/%00", "*", "/a/%25%32%46",
	} {
		f.Add("GET", seed)
	}
	router := routes(f, "/{x}", "/a/{y}", "/b/{z=**}:go", "/b/**", "POST /{p=a/*}:go", "/")
	f.Fuzz(func(t *testing.T, method, path string) {
		m := router.Match(method, path, nil)
		if _, err := url.PathUnescape(path); err != nil {
			require.Equal(t, pathtmpl.Malformed, m.Outcome)
		}
		if m.Outcome != pathtmpl.Found {
			require.Empty(t, m.Value)
			require.Empty(t, m.Variables)
			return
		}
		require.Len(t, m.Variables, len(m.Template.Variables()))
		for i, v := range m.Template.Variables() {
			require.NotEqual(t, "..", m.Variables[i])
			require.False(t, v.Multi && strings.HasPrefix(m.Variables[i], "/"), "a leading slash was captured")
		}
	})
}
