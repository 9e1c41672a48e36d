package pathtmpl_test

import (
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

		// Decoding what stayed encoded gives the value back, as long as it has no percent sign of its own.
		m := router.Match("GET", "/several/a/"+escaped+"/"+escaped, nil)
		require.Equal(t, pathtmpl.Found, m.Outcome)
		if !strings.Contains(value, "%") {
			got, err := url.PathUnescape(m.Variables[0])
			require.NoError(t, err)
			require.Equal(t, "a/"+value+"/"+value, got)
		}
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
