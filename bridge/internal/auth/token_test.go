package auth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func everyPlace() []config.TokenSource {
	return []config.TokenSource{
		{In: config.InHeader}, {In: config.InCookie, Name: "session"}, {In: config.InQuery, Name: "access_token"},
	}
}

func TestWhereATokenStands(t *testing.T) {
	for name, tt := range map[string]struct {
		query  string
		header []string
		places []config.TokenSource
		text   string
		in     config.TokenPlace
		why    string
	}{
		"nowhere":            {},
		"header":             {header: []string{"Authorization", "Bearer a.b.c"}, text: "a.b.c", in: config.InHeader},
		"header, lower case": {header: []string{"authorization", " bearer\u0020 a "}, text: "a", in: config.InHeader},
		"another scheme":     {header: []string{"Authorization", "Basic YTpi"}},
		"scheme alone":       {header: []string{"Authorization", "Bearer"}, in: config.InHeader, why: "found none"},
		"two headers": {
			header: []string{"Authorization", "Bearer a", "Authorization", "Bearer b"}, in: config.InHeader, why: "found several",
		},
		"cookie":        {header: []string{"Cookie", "a=b; session=x"}, text: "x", in: config.InCookie},
		"two cookies":   {header: []string{"Cookie", "session=x", "Cookie", "session=x"}, in: config.InCookie, why: "found several"},
		"empty cookie":  {header: []string{"Cookie", "session="}},
		"query":         {query: "a=b&access_token=x", text: "x", in: config.InQuery},
		"query, name":   {query: "%61ccess_token=x", text: "x", in: config.InQuery},
		"query, value":  {query: "access_token=%78", text: "x", in: config.InQuery},
		"query, twice":  {query: "access_token=x&%61ccess_token=y", in: config.InQuery, why: "found several"},
		"query, broken": {query: "access_token=%zz", in: config.InQuery, why: "hexadecimal"},
		"query, case":   {query: "Access_Token=x"},
		"header before cookie": {
			header: []string{"Cookie", "session=x", "Authorization", "Bearer y"}, text: "y", in: config.InHeader,
		},
		"cookie before header": {
			header: []string{"Cookie", "session=x", "Authorization", "Bearer y"}, text: "x", in: config.InCookie,
			places: []config.TokenSource{{In: config.InCookie, Name: "session"}, {In: config.InHeader}},
		},
		"a place that is not listed": {
			header: []string{"Authorization", "Bearer y"}, places: []config.TokenSource{{In: config.InCookie, Name: "session"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for i := 0; i < len(tt.header); i += 2 {
				h.Add(tt.header[i], tt.header[i+1])
			}
			places := tt.places
			if places == nil {
				places = everyPlace()
			}
			text, in, why := findToken(h, tt.query, places)
			assert.Equal(t, tt.text, text)
			assert.Equal(t, tt.in, in)
			assert.Equal(t, tt.why == "", why == "", why)
			assert.Contains(t, why, tt.why)
		})
	}
}

// Whatever a query is, what is bound and logged has no parameter in which a token is looked for.
func FuzzHiddenTokens(f *testing.F) {
	for _, seed := range []string{"", "a=b&access_token=x", "%61ccess_token=x&&=&access_token", "access_token=%zz&;access_token=y", "access+token=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		req := requestWith("")
		req.HTTP.URL.RawQuery = query
		req.HideParameters([]string{"access_token"})
		text, _, refusal := findToken(http.Header{}, req.HTTP.URL.RawQuery, everyPlace())
		assert.Empty(t, text+refusal, "the token is hidden")
		assert.Equal(t, query, req.Query())
		for pair := range strings.SplitSeq(query, "&") {
			rawName, _, _ := strings.Cut(pair, "=")
			name, err := url.QueryUnescape(rawName)
			kept := strings.Contains("&"+req.HTTP.URL.RawQuery+"&", "&"+pair+"&")
			assert.Equal(t, err != nil || name != "access_token", kept, "%q", pair)
		}
		req.HideParameters(nil)
		assert.Equal(t, query, req.HTTP.URL.RawQuery)
	})
}

func TestClaims(t *testing.T) {
	c, err := parseClaims([]byte(`{"sub":"alice","n":12345678901234567890,"f":1.50,"yes":true,"no":false,"null":null,
		"list":["a",7,true],"realm":{"plan":"gold","deep":{"x":1}},"realm.plan":"dotted","https://a.example/t":"acme",
		"https://a.example":{"t":"other","u":"inner"},"scope":"read write","scp":"a.read a.write","roles":"user admin","empty":""}`))
	assert.NoError(t, err)
	for name, want := range map[string]string{
		"sub": "alice", "n": "12345678901234567890", "f": "1.50", "yes": "true", "no": "false", "empty": "",
		"realm.plan": "dotted", "realm.deep.x": "1", "https://a.example/t": "acme", "https://a.example.u": "inner",
	} {
		got, ok := c.Claim(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "absent", "null", "list", "realm", "realm.", ".plan", "list.0", "sub.x", "realm.deep", "SUB"} {
		_, ok := c.Claim(name)
		assert.False(t, ok, name)
	}
	for _, has := range [][2]string{
		{"sub", "alice"}, {"list", "a"}, {"list", "7"}, {"list", "true"}, {"scope", "read"}, {"scope", "read write"},
		{"scp", "a.write"}, {"scp", "a.read a.write"}, {"roles", "user admin"},
	} {
		assert.True(t, c.has(has[0], has[1]), has)
	}
	for _, lacks := range [][2]string{
		{"sub", "ali"}, {"list", "b"}, {"list", ""}, {"scope", "rea"}, {"scope", ""}, {"scp", "a"}, {"scp", "read"}, {"roles", "admin"},
		{"absent", ""}, {"null", ""}, {"realm", ""},
	} {
		assert.False(t, c.has(lacks[0], lacks[1]), lacks)
	}
}
