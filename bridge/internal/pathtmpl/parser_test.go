package pathtmpl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		text, shape string
		variables   []string // a trailing "+" marks those of several segments
	}{
		{"/", "/", nil},
		{"/v1", "/v1", nil},
		{"/*", "/*", nil},
		{"/**", "/**", nil},
		{"/a/*/b/**", "/a/*/b/**", nil},
		{"/v1/messages/{message_id}", "/v1/messages/*", []string{"message_id"}},
		{"/v1/messages/{message_id}/{sub.subfield}", "/v1/messages/*/*", []string{"message_id", "sub.subfield"}},
		{"/v1/{name=messages/*}", "/v1/messages/*", []string{"name+"}},
		{"/v1/{a=*}/{b=x}", "/v1/*/x", []string{"a", "b"}},
		{"/v1/{name=shelves/*/books/**}:watch", "/v1/shelves/*/books/**:watch", []string{"name+"}},
		{"/{path=**}", "/**", []string{"path+"}},
		{"/v1/jobs:list", "/v1/jobs:list", nil},
		{"/v1/{id}:watch", "/v1/*:watch", []string{"id"}},
		{"/pkg.v1.Service/Method", "/pkg.v1.Service/Method", nil},
		{"/a~b-c_d.e@f!$&'()+,;=", "/a~b-c_d.e%40f%21%24%26%27%28%29%2B%2C%3B%3D", nil},
		{"/caf%c3%A9/a%2fb", "/caf%C3%A9/a%2Fb", nil},
		{"/café", "/caf%C3%A9", nil},
		{"/a%3Ab:c%64", "/a%3Ab:cd", nil},
		{"/%2A/...", "/%2A/...", nil},
		{"/{_a9}", "/*", []string{"_a9"}},
	} {
		tmpl, err := pathtmpl.Parse(tc.text)
		require.NoError(t, err, tc.text)
		assert.Equal(t, tc.text, tmpl.String())
		assert.Equal(t, tc.shape, tmpl.Shape(), tc.text)
		var variables []string
		for _, v := range tmpl.Variables() {
			if v.Multi {
				v.Path += "+"
			}
			variables = append(variables, v.Path)
		}
		assert.Equal(t, tc.variables, variables, tc.text)
	}
}

func TestParseSaysWhereAndWhat(t *testing.T) {
	for _, tc := range []struct {
		text   string
		column int
		msg    string
	}{
		{"", 1, `expected "/", found the end`},
		{"v1", 1, `expected "/", found "v"`},
		{"//a", 2, `expected a segment, found "/"`},
		{"/a/", 4, `expected a segment, found the end`},
		{"/a//b", 4, `expected a segment, found "/"`},
		{"/:watch", 2, `a variable is written {watch}`},
		{"/quotes/:symbol", 9, `a variable is written {symbol}`},
		{"/a:", 4, `expected a verb, found the end`},
		{"/a:*", 4, `expected a verb, found "*"`},
		{"/a:b/c", 3, `one verb may end a template`},
		{"/a:b:c", 3, `written %3A`},
		{"/a:b}", 5, `found "}": no variable is open`},
		{"/a}", 3, `found "}": no variable is open`},
		{"/a?b=c", 3, `query parameters are no part`},
		{"/?b=c", 2, `query parameters are no part`},
		{"/a b", 3, `found " ": it is written percent-encoded`},
		{"/a\nb", 3, `found "\n": it is written percent-encoded`},
		{"/é b", 3, `found " "`},
		{"/é\xff", 3, "percent-encoded"},
		{"/a*", 3, `found "*": a wildcard or a variable is a whole segment`},
		{"/a{b}", 3, `found "{": a wildcard or a variable is a whole segment`},
		{"/*a", 3, `found "a" after a wildcard`},
		{"/***", 4, `found "*" after a wildcard`},
		{"/{a}b", 5, `expected "/", ":" or the end after a variable, found "b"`},
		{"/{a}{b}", 5, `after a variable, found "{"`},
		{"/**/a", 4, `expected the end or a verb after "**"`},
		{"/{a=**}/b", 8, `expected the end or a verb after "**"`},
		{"/{a=**/b}", 7, `expected the end or a verb after "**"`},
		{"/{", 3, `expected the name of a field, found the end`},
		{"/{}", 3, `expected the name of a field, found "}"`},
		{"/{1a}", 3, `expected the name of a field, found "1"`},
		{"/{a.}", 5, `expected the name of a field, found "}"`},
		{"/{a-b}", 4, `expected "}", found "-"`},
		{"/{a", 4, `expected "}", found the end`},
		{"/{a=}", 5, `expected a segment, found "}"`},
		{"/{a=/b}", 5, `expected a segment, found "/"`},
		{"/{a={b}}", 5, `a variable inside a variable`},
		{"/{a=b/{c}}", 7, `a variable inside a variable`},
		{"/{a=b:c}", 6, `a verb stands at the end of the template`},
		{"/{a}/{b}/{a}", 10, `the variable {a} for the second time`},
		{"/a%2", 3, `two hexadecimal digits`},
		{"/a%zz", 3, `two hexadecimal digits`},
		{"/a/%ff", 4, `percent-encoded UTF-8`},
		{"/a/..", 4, `clients resolve`},
		{"/a/%2E/b", 4, `clients resolve`},
	} {
		_, err := pathtmpl.Parse(tc.text)
		var syntax *pathtmpl.SyntaxError
		require.ErrorAs(t, err, &syntax, tc.text)
		assert.Contains(t, syntax.Msg, tc.msg, tc.text)
		assert.Equal(t, tc.column, syntax.Column, "%s: %s", tc.text, syntax.Msg)
		assert.Equal(t, tc.text, syntax.Template)
	}
	_, err := pathtmpl.Parse("/a/")
	assert.EqualError(t, err, `path template "/a/": column 4: expected a segment, found the end`)
}

// FuzzParse holds that a template that parses has a shape that parses to itself and routes to it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"/", "/v1/{name=shelves/*/books/**}:watch", "/{a.b}/{c=*}", "/%2A:%3a", "/é/\xff", "/{a=**/b}", "/:x", "/a:b:c", "/{{", "/%",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := pathtmpl.Parse(text)
		if err != nil {
			var syntax *pathtmpl.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.GreaterOrEqual(t, syntax.Column, 1)
			require.LessOrEqual(t, syntax.Column, len(text)+1)
			return
		}
		require.Equal(t, text, tmpl.String())
		shape, err := pathtmpl.Parse(tmpl.Shape())
		require.NoError(t, err)
		require.Equal(t, tmpl.Shape(), shape.Shape())
		require.Empty(t, shape.Variables())

		router := pathtmpl.NewRouter[int]()
		require.NoError(t, router.Add("GET", tmpl, 1))
		require.Error(t, router.Add("GET", shape, 2), "same shape, same method")
		path := strings.NewReplacer("**", "x", "*", "x").Replace(tmpl.Shape())
		require.Equal(t, pathtmpl.Found, router.Match("GET", path, nil).Outcome, path)
	})
}
