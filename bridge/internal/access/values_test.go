package access

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhichParametersALineMayHave(t *testing.T) {
	hidden := func(name string) bool { return name == "last_event_id" || name == "ticker" }
	for raw, want := range map[string]string{
		"":                             "",
		"symbol=ACME":                  "symbol=ACME",
		"symbol=ACME&limit=5":          "symbol=ACME&limit=5",
		"flag&empty=&symbol=ACME":      "flag&empty=&symbol=ACME",
		"&&symbol=ACME&":               "symbol=ACME",
		"last_event_id=7&symbol=ACME":  "symbol=ACME",
		"last%5fevent%5Fid=7":          "",
		"ticker=a&tickers=b":           "tickers=b",
		"access_token=s&symbol=ACME":   "symbol=ACME",
		"ACCESS_TOKEN=s":               "",
		"accessToken=s&idToken=s":      "",
		"%61ccess_t%6Fken=s":           "",
		"api_key=s&apikey=s&api-key=s": "",
		"key=s&keyboard=qwerty":        "keyboard=qwerty",
		"X-Amz-Signature=s&sig=s":      "",
		"design=oak&signal=5":          "design=oak&signal=5",
		"password=s&passwd=s&pwd=s":    "",
		"client.secret=s&session_id=s": "",
		"jwt=s&auth=s&author=me":       "author=me",
		"=nameless":                    "",
		"a=%zz&b=%&%zz=c&d=1":          "d=1",
		"a=b=c":                        "a=b%3Dc",
		"a=\x1b[31m&b=\n":              "a=%1B%5B31m&b=%0A",
		"a=ä":                          "a=%C3%A4",
		`a="quoted"&b='`:               "a=%22quoted%22&b=%27",
		"a;b=c":                        "a%3Bb=c",
		"a=1;b=2&c=3":                  "a=1%3Bb%3D2&c=3",
		"a=1;access_token=s&c=3":       "c=3",
		"a;b;access%5ftoken=s":         "",
		"a=1;ticker=s;d=4&c=3":         "c=3",
	} {
		assert.Equal(t, want, Query(raw, hidden), "%q", raw)
	}
	long := Query("a="+strings.Repeat("x", 10_000)+"&b=1", hidden)
	assert.Len(t, long, maxQuery+len("..."))
	assert.Equal(t, maxQuery+len("..."), len(Query(strings.Repeat("a=1&", 10_000), hidden)))
}

func TestWhatALineHasOfAPath(t *testing.T) {
	for path, want := range map[string]string{
		"/quotes/ACME":           "/quotes/ACME",
		"/quotes/a%20b":          "/quotes/a%20b",
		"/a\nb":                  "/a%0Ab",
		"/a\x1b[0m":              "/a%1B[0m",
		"/\u009b31m":             "/%C2%9B31m",
		"/\u202eevil":            "/%E2%80%AEevil",
		`/a"b\c`:                 "/a%22b%5Cc",
		"/" + long(maxPath-1):    "/" + long(maxPath-1),
		"/" + long(maxPath):      "/" + long(maxPath-1) + "...",
		"/" + long(maxPath*1000): "/" + long(maxPath-1) + "...",
	} {
		assert.Equal(t, want, Path(path, func(string) bool { return false }))
	}
}

// A client may write its query so that it is a part of the path.
func TestALineHasNoCredentialOfAPath(t *testing.T) {
	hidden := func(name string) bool { return name == "ticker" }
	for path, want := range map[string]string{
		"/a%3Faccess_token=S3CRET/b":            "/.../b",
		"/a%3Fb=1%26access_token%3DS3CRET":      "/...",
		"/a%253Faccess%255Ftoken%253DS3CRET":    "/...",
		"/a&access_token=S3CRET":                "/...",
		"/a;jsessionid=S3CRET/b":                "/.../b",
		"/access_token=S3CRET":                  "/...",
		"/a%2Ftoken=S3CRET":                     "/...",
		"/a;ticker=S3CRET;b=1":                  "/...",
		"/a/eyJhbGciOiJub25lIn0.e30.S3CRET":     "/a/...",
		"/a;v=eyJhbGciOiJub25lIn0.e30.S3CRET":   "/...",
		"/a;v=1;b=2/c":                          "/a;v=1;b=2/c",
		"/token/keyboard":                       "/token/keyboard",
		"/%zz%253Ftoken%253DS3CRET":             "/...",
		"/a%25zz%253Ftoken%253DS3CRET/b":        "/.../b",
		"/" + long(maxPath) + ";token=S3CRET":   "/...",
		"/" + long(maxPath-1) + "/token=S3CRET": "/" + long(maxPath-1) + "...",
	} {
		assert.Equal(t, want, Path(path, hidden), path)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// No value of a hidden parameter reaches a line, however the client spells the query.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"a=1&token=S3CRET", "a=1;token=S3CRET", "to%6Ben=S3CRET&b", "token=%53%33CRET", "&=&%", "last_event_id=S3CRET",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := Query(raw, func(name string) bool { return name == "last_event_id" })
		assert.Regexp(t, `^[!#-&(-\[\]-_a-~]*$`, got)
		assert.LessOrEqual(t, len(got), 3*maxQuery+3)
		if strings.HasSuffix(got, "...") {
			return // the last parameter may be cut
		}
		values, err := url.ParseQuery(got)
		assert.NoError(t, err)
		for name := range values {
			assert.False(t, name == "last_event_id" || soundsSecret(name), "%q of %q", name, raw)
		}
	})
}
