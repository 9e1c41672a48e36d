package pathtmpl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

// routes returns a router whose values are the templates' own texts, each "METHOD /template", or GET where none is said.
func routes(t require.TestingT, templates ...string) *pathtmpl.Router[string] {
	router := pathtmpl.NewRouter[string]()
	for _, text := range templates {
		method, path, ok := strings.Cut(text, " ")
		if !ok {
			method, path = "GET", text
		}
		tmpl, err := pathtmpl.Parse(path)
		require.NoError(t, err)
		require.NoError(t, router.Add(method, tmpl, text))
	}
	return router
}

func TestMatchSpecificationExamples(t *testing.T) {
	// The examples of google/api/http.proto, and its two rules of decoding.
	router := routes(t,
		"/v1/{name=messages/*}",
		"/v1/messages/{message_id}/{sub.subfield}",
		"/v1/users/{user_id}/messages/{message_id}",
		"/files/{path=**}",
	)
	for _, tc := range []struct {
		path, want string
		values     []string
	}{
		{"/v1/messages/123456", "/v1/{name=messages/*}", []string{"messages/123456"}},
		{"/v1/messages/123456/foo", "/v1/messages/{message_id}/{sub.subfield}", []string{"123456", "foo"}},
		{"/v1/users/me/messages/123456", "/v1/users/{user_id}/messages/{message_id}", []string{"me", "123456"}},
		// One segment: decoded whole, an escaped slash does not split.
		{"/v1/messages/a%2Fb/%E2%82%AC%20%3A%2b", "/v1/messages/{message_id}/{sub.subfield}", []string{"a/b", "€ :+"}},
		// Several: an encoded slash stays as it came, and nothing else does.
		{"/v1/messages/a%2fb%41", "/v1/{name=messages/*}", []string{"messages/a%2fbA"}},
		{"/v1/messages/alice%40example.com", "/v1/{name=messages/*}", []string{"messages/alice@example.com"}},
		{"/files/a/b%2Fc%20%3F%c3%a9", "/files/{path=**}", []string{"a/b%2Fc ?é"}},
		{"/files/%3A%2f%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25", "/files/{path=**}", []string{":%2f?#[]@!$&'()*+,;=%"}},
		{"/files/%23", "/files/{path=**}", []string{"#"}},
		{"/files/%2523", "/files/{path=**}", []string{"%23"}},
		{"/files/%2525", "/files/{path=**}", []string{"%25"}},
		{"/files/100%25/%252F", "/files/{path=**}", []string{"100%/%2F"}},
		{"/files/one", "/files/{path=**}", []string{"one"}},
		{"/files/%2F", "/files/{path=**}", []string{"%2F"}},
	} {
		m := router.Match("GET", tc.path, nil)
		require.Equal(t, pathtmpl.Found, m.Outcome, tc.path)
		assert.Equal(t, tc.want, m.Value, tc.path)
		assert.Equal(t, tc.want, m.Template.String())
		assert.Equal(t, tc.values, m.Variables, tc.path)
	}
}

func TestMatchOne(t *testing.T) {
	const none = "-"
	for _, tc := range []struct {
		template, path string
		want           string // the variables' values, each in brackets, or none
	}{
		{"/", "/", ""},
		{"/", "", none},
		{"/", "//", none},
		{"/a", "/a", ""},
		{"/a", "/a/", none},
		{"/a", "/A", none},
		{"/a", "a", none},
		{"/a", "*", none},
		{"/a", "//a", none},
		{"/a", "/%61", ""},
		{"/caf%C3%A9", "/caf%c3%a9", ""},
		{"/a%2Fb", "/a%2fb", ""},
		{"/a%2Fb", "/a/b", none},
		{"/{x}", "/a", "[a]"},
		{"/{x}", "/", none},
		{"/{x}", "//", none},
		{"/{x}", "/a/", none},
		{"/{x}", "/a/b", none},
		{"/{x}", "/a+b", "[a+b]"},
		{"/{x}", "/a:b", "[a:b]"},
		{"/{x}", "/%00", "[\x00]"},
		{"/{x}", "/...", "[...]"},
		{"/{x}", "/.", none},
		{"/{x}", "/%2E%2e", none},
		{"/{x}", "/.%2e", none},
		{"/{x=**}", "/a/../b", none},
		{"/{x=**}", "/a/%2e%2E", none},
		{"/{x=**}", "/a/.b./..c", "[a/.b./..c]"},
		{"/a/{x}/b", "/a//b", none},
		{"/a/{x=b}/{y}", "/a/b/c", "[b][c]"},
		{"/a/{x=b/*}/{y=*/d}/e", "/a/b/c/x/d/e", "[b/c][x/d]"},
		{"/*/{x}/*/{y=**}", "/1/2/3/4/5", "[2][4/5]"},
		{"/{x=**}", "/", "[]"},
		{"/{x=**}", "/a", "[a]"},
		{"/{x=**}", "/a/b/", "[a/b/]"},
		{"/{x=**}", "/a//b", "[a//b]"},
		{"/{x=**}", "//a", none},
		{"/{x=**}", "//", none},
		{"/v/{x=**}", "/v", "[]"},
		{"/v/{x=**}", "/v/", "[]"},
		{"/v/{x=**}", "/v//a", none},
		{"/{x=v/**}", "/v", "[v]"},
		{"/{x=v/**}", "/v/a/b", "[v/a/b]"},
		{"/{x}:go", "/a:go", "[a]"},
		{"/{x}:go", "/a%3Ago", none},
		{"/{x}:go", "/a:%67o", "[a]"},
		{"/{x}:go", "/a:b:go", "[a:b]"},
		{"/{x}:go", "/a", none},
		{"/{x}:go", "/a:stop", none},
		{"/{x}:go", "/:go", none},
		{"/{x}:go", "/a:go/", none},
		{"/a:go", "/a:go", ""},
		{"/{x=**}:go", "/a/b:go", "[a/b]"},
		{"/{x=**}:go", "/:go", "[]"},
		{"/v/{x=**}:go", "/v:go", "[]"},
		{"/a%3Ago", "/a:go", ""},
	} {
		m := routes(t, tc.template).Match("GET", tc.path, nil)
		got := none
		if m.Outcome == pathtmpl.Found {
			got = ""
			for _, v := range m.Variables {
				got += "[" + v + "]"
			}
		} else {
			assert.Equal(t, pathtmpl.NotFound, m.Outcome)
		}
		assert.Equal(t, tc.want, got, "%s on %s", tc.template, tc.path)
	}
}

func TestMatchMostSpecific(t *testing.T) {
	router := routes(t,
		"/**", "/{a}", "/{a}/b", "/a/{b}", "/a/b", "/a/**", "/a", "/{a}/{b}/{c}",
		"/jobs/{id}", "/jobs/{id}:watch", "/jobs/all", "/jobs/**:watch",
	)
	for path, want := range map[string]string{
		"/":               "/**",
		"/a":              "/a",
		"/b":              "/{a}",
		"/a/":             "/a/**",
		"/a/b":            "/a/b",
		"/a/c":            "/a/{b}",
		"/c/b":            "/{a}/b",
		"/c/d":            "/**",
		"/a/b/c":          "/a/**", // left to right: a literal first
		"/x/b/c":          "/{a}/{b}/{c}",
		"/x/b/c/d":        "/**",
		"/jobs/all":       "/jobs/all",
		"/jobs/1":         "/jobs/{id}",
		"/jobs/1:stop":    "/jobs/{id}",
		"/jobs/1:watch":   "/jobs/{id}:watch",
		"/jobs/a/b:watch": "/jobs/**:watch",
		"/jobs:watch":     "/jobs/**:watch",
		"/jobs/a/b:stop":  "/{a}/{b}/{c}",
	} {
		m := router.Match("GET", path, nil)
		require.Equal(t, pathtmpl.Found, m.Outcome, path)
		assert.Equal(t, want, m.Value, path)
	}
}

func TestMatchIsPerMethod(t *testing.T) {
	router := routes(t, "POST /a/b", "/a/{x}", "POST /a/c/**", "PUT /{y}/c", "DELETE /a/{z}:go")
	for _, tc := range []struct{ method, path, want string }{
		{"GET", "/a/b", "/a/{x}"}, // a literal with another method does not hide it
		{"POST", "/a/b", "POST /a/b"},
		{"PUT", "/a/c", "PUT /{y}/c"}, // back from the literal branch
		{"GET", "/a/b:go", "/a/{x}"},  // nor does a verb
		{"DELETE", "/a/b:go", "DELETE /a/{z}:go"},
	} {
		m := router.Match(tc.method, tc.path, nil)
		require.Equal(t, pathtmpl.Found, m.Outcome, tc.path)
		assert.Equal(t, tc.want, m.Value)
	}
	for path, want := range map[string][]string{
		"/a/b":    {"GET", "POST"},
		"/a/c":    {"GET", "POST", "PUT"},
		"/a/c/d":  {"POST"},
		"/a/b:go": {"DELETE", "GET"},
	} {
		m := router.Match("PATCH", path, []string{"kept"})
		assert.Equal(t, pathtmpl.MethodNotAllowed, m.Outcome, path)
		assert.Equal(t, want, m.Allowed, path)
		assert.Equal(t, []string{"kept"}, m.Variables)
	}
	assert.Equal(t, pathtmpl.NotFound, router.Match("GET", "/x/y", nil).Outcome)
}

func TestMatchMalformed(t *testing.T) {
	router := routes(t, "/a/{x}", "/b/{y=**}", "/c")
	for _, path := range []string{"/a/%", "/a/%4", "/a/%zz", "/a/%4x", "/nowhere/%", "/a/%ff", "/b/x/%C3", "/a/%c0%af", "/b/%c0%ae%c0%ae"} {
		m := router.Match("GET", path, nil)
		assert.Equal(t, pathtmpl.Malformed, m.Outcome, path)
		assert.Empty(t, m.Variables)
	}
	assert.Equal(t, pathtmpl.NotFound, router.Match("GET", "/%ff", nil).Outcome)
}

func TestMatchAppendsToTheCallersSlice(t *testing.T) {
	buf := make([]string, 1, 8)
	buf[0] = "mine"
	m := routes(t, "/{a}/{b}").Match("GET", "/x/y", buf)
	assert.Equal(t, []string{"mine", "x", "y"}, m.Variables)
	assert.Same(t, &buf[0], &m.Variables[0])
}

func TestMatchAllocatesNothing(t *testing.T) {
	router := routes(t, "/v1/{name=shelves/*/books/**}:watch", "/caf%C3%A9/{x}", "/v1/shelves/{y}/pages", "POST /v1/**")
	buf := make([]string, 0, 8)
	for _, path := range []string{
		"/v1/shelves/1/books/2/3/4/5/6/7/8/9:watch", "/caf%C3%A9/x", "/v1/shelves/1/pages", "/nowhere/at/all", "/a/%2e%2e/b",
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() { router.Match("GET", path, buf) }), path)
	}
}

func TestConflicts(t *testing.T) {
	for _, pair := range [][2]string{
		{"/{a}", "/{b}"},
		{"/{a}", "/*"},
		{"/v1/{name=shelves/*}", "/v1/shelves/{id}"},
		{"/{a=**}", "/**"},
		{"/x/{a}:go", "/x/{b}:%67o"},
		{"/caf%C3%A9", "/café"},
		{"/", "/"},
	} {
		router := pathtmpl.NewRouter[int]()
		first, err := pathtmpl.Parse(pair[0])
		require.NoError(t, err)
		second, err := pathtmpl.Parse(pair[1])
		require.NoError(t, err)
		require.Equal(t, first.Shape(), second.Shape())

		require.NoError(t, router.Add("GET", first, 1))
		var conflict *pathtmpl.ConflictError[int]
		require.ErrorAs(t, router.Add("GET", second, 2), &conflict)
		assert.Equal(t, 1, conflict.Existing)
		assert.Equal(t, pair[0], conflict.ExistingTemplate.String())
		assert.EqualError(t, conflict, fmt.Sprintf("path template %q fits the same GET requests as %q", pair[1], pair[0]))
		require.NoError(t, router.Add("POST", second, 3), "another method")
	}
	routes(t, "/a", "/{a}", "/**", "/a/**", "/a:go", "/{a}:go", "/a/{b=*}/c", "/a/b/{c}") // none of these
}

func BenchmarkMatch(b *testing.B) {
	var templates []string
	for i := range 1000 {
		templates = append(templates, fmt.Sprintf("/v1/tenants%d/{tenant}/quotes/{symbol}", i))
	}
	router := routes(b, templates...)
	buf := make([]string, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		if router.Match("GET", "/v1/tenants500/acme/quotes/AAPL", buf).Outcome != pathtmpl.Found {
			b.Fatal("not found")
		}
	}
}
