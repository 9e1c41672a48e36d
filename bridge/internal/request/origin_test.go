package request

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSameOrigin(t *testing.T) {
	for _, tt := range []struct {
		origin, host string
		tls, want    bool
	}{
		{"http://bridge", "bridge", false, true},
		{"https://bridge", "bridge", true, true},
		{"https://bridge", "bridge", false, true}, // a proxy ended TLS
		{"http://bridge", "bridge", true, false},  // the page has no TLS, so its port is another one
		{"HTTPS://Bridge", "bRIDGE", false, true},
		{"http://bridge:80", "bridge", false, true},
		{"http://bridge", "bridge:80", false, true},
		{"https://bridge", "bridge:443", false, true},
		{"https://bridge:443", "bridge", true, true},
		{"https://bridge", "bridge:80", false, false},
		{"http://bridge:8080", "bridge:8080", false, true},
		{"http://bridge:8080", "bridge", false, false},
		{"http://bridge", "bridge:8080", false, false},
		{"http://[::1]:8080", "[::1]:8080", false, true},
		{"http://[::1]", "[0:0:0:0:0:0:0:1]", false, true},
		{"http://[::1]", "[::2]", false, false},
		{"http://bridge.evil.example", "bridge", false, false},
		{"http://evil.example", "bridge", false, false},

		// These texts are no origins of a page of this host.
		{"null", "", false, false},
		{"file://", "", false, false},
		{"http://", "", false, false},
		{"https://", "", true, false},
		{"", "", false, false},
		{"bridge", "bridge", false, false},
		{"//bridge", "bridge", false, false},
		{"file://bridge", "bridge", false, false},
		{"chrome-extension://bridge", "bridge", false, false},
		{"http://evil@bridge", "bridge", false, false},
		{"http://evil:secret@bridge", "bridge", false, false},
		{"http://bridge@evil.example", "bridge", false, false},
		{"http://bridge/", "bridge", false, false},
		{"http://bridge?x", "bridge", false, false},
		{"http://bridge#x", "bridge", false, false},
		{"http://bridge ", "bridge", false, false},
		{"http:bridge", "bridge", false, false},
		{"http://bridge, http://bridge", "bridge", false, false},
		{"http://bridge:port", "bridge", false, false},
		{"http://bridge%00", "bridge", false, false},
		{"http://evil@bridge", "evil@bridge", false, false},
		{"http:// ", " ", false, false},
	} {
		scheme := ""
		if tt.tls {
			scheme = schemeHTTPS
		}
		assert.Equal(t, tt.want, sameOrigin(tt.origin, tt.host, scheme), "%q on %q, TLS %t", tt.origin, tt.host, tt.tls)
	}
}

func TestWhichRequestsComeFromPagesOfOtherOrigins(t *testing.T) {
	const host = "http://bridge/watch"
	for name, tt := range map[string]struct {
		tls            bool
		sites, origins []string
		why            string // a part of the reason; "" where the request is allowed
	}{
		"no browser":                         {},
		"a link":                             {sites: []string{"none"}},
		"the own page":                       {sites: []string{"same-origin"}, origins: []string{"https://public.example"}},
		"the own page, by Origin":            {origins: []string{"http://bridge"}},
		"the own page, over TLS":             {tls: true, origins: []string{"https://bridge"}},
		"a page without TLS":                 {tls: true, origins: []string{"http://bridge"}, why: `Origin is "http://bridge"`},
		"a page of another site":             {sites: []string{"cross-site"}, origins: []string{"http://bridge"}, why: `"Sec-Fetch-Site: cross-site"`},
		"in capital letters":                 {sites: []string{"CROSS-SITE"}, why: `"Sec-Fetch-Site: cross-site"`},
		"a page of another host of the site": {sites: []string{"same-site"}, why: `"Sec-Fetch-Site: same-site"`},
		"two headers about the site":         {sites: []string{"same-origin", "cross-site"}, why: "cross-site"},
		"an image of another site":           {sites: []string{"cross-site"}, why: `the header Origin is missing, and ` + "`cors.origins` allows only pages that name"},
		"a site with an opaque origin":       {sites: []string{"cross-site"}, origins: []string{"null"}, why: `the header Origin is "null", and`},
		"a site with two origins":            {sites: []string{"cross-site"}, origins: []string{"http://a", "http://b"}, why: "there are several headers Origin"},
		"an unknown value about the site":    {sites: []string{"sibling"}, origins: []string{"http://other"}, why: `Origin is "http://other"`},
		"another origin":                     {origins: []string{"http://other"}, why: `the header Host is "bridge"`},
		"an opaque origin":                   {origins: []string{"null"}, why: `the header Origin is "null"`},
		"an empty origin":                    {origins: []string{""}, why: `the header Origin is ""`},
		"two origins":                        {origins: []string{"http://bridge", "http://bridge"}, why: "found several"},
	} {
		r := newRequest(http.MethodGet, host)
		r.HTTP.Header["Sec-Fetch-Site"], r.HTTP.Header["Origin"] = tt.sites, tt.origins
		if tt.tls {
			r.HTTP.TLS = &tls.ConnectionState{}
			r = New(r.HTTP)
		}
		if tt.why == "" {
			assert.Empty(t, r.Foreign(), name)
		} else {
			assert.Contains(t, r.Foreign(), tt.why, name)
		}
	}
}

func TestWhichRequestsArePreflights(t *testing.T) {
	const header = "Access-Control-Request-Method"
	assert.Equal(t, "POST", newRequest(http.MethodOptions, "/", header, "POST").PreflightMethod())
	assert.Empty(t, newRequest(http.MethodOptions, "/").PreflightMethod(), "OPTIONS without the other headers is no preflight")
	assert.Empty(t, newRequest(http.MethodGet, "/", header, "POST").PreflightMethod())
}

// FuzzSameOrigin states that a page is of the same origin only where its host and its port are those of the request.
func FuzzSameOrigin(f *testing.F) {
	for _, seed := range [][2]string{
		{"http://bridge", "bridge"}, {"https://[::1]:8080", "[0::1]:8080"}, {"http://evil@bridge", "bridge"},
	} {
		f.Add(seed[0], seed[1], false)
		f.Add(seed[0], seed[1], true)
	}
	f.Fuzz(func(t *testing.T, origin, host string, overTLS bool) {
		scheme := ""
		if overTLS {
			scheme = schemeHTTPS
		}
		if !sameOrigin(origin, host, scheme) {
			return
		}
		page, err := url.Parse(origin)
		if err != nil || page.User != nil || page.Path != "" || page.RawQuery != "" || page.Fragment != "" {
			t.Fatalf("%q is no origin, and passes as that of %q", origin, host)
		}
		if !NewHosts([]string{page.Host}).Serves(host) {
			t.Fatalf("the host of %q is not %q", origin, host)
		}
		own := &url.URL{Host: host}
		if page.Port() != "" && own.Port() != "" && page.Port() != own.Port() {
			t.Fatalf("the port of %q is not that of %q", origin, host)
		}
	})
}
