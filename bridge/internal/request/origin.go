package request

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// PreflightMethod returns the method about which a browser asks what a page of another origin may send; "" where the request is
// no such question.
func (r *Request) PreflightMethod() string {
	if r.HTTP.Method != http.MethodOptions {
		return ""
	}
	return r.HTTP.Header.Get("Access-Control-Request-Method")
}

// Foreign says why a request is taken to be on behalf of a page of another origin, and what can be done; "" where it is not.
// Sec-Fetch-Site is the browser's own word, which a proxy that rewrites Host leaves true; where it is missing, Origin is held
// against Host.
func (r *Request) Foreign() string {
	own := false
	for _, site := range r.HTTP.Header.Values("Sec-Fetch-Site") {
		switch {
		case strings.EqualFold(site, "cross-site"), strings.EqualFold(site, "same-site"):
			return "the browser says " + strconv.Quote("Sec-Fetch-Site: "+strings.ToLower(site)) + " of a page with the origin " +
				Quote(r.HTTP.Header.Get("Origin")) + ", and `cors.origins` of the route does not list it"
		case strings.EqualFold(site, "same-origin"), strings.EqualFold(site, "none"):
			own = true
		}
	}
	origins := r.HTTP.Header.Values("Origin")
	switch {
	case own || len(origins) == 0:
		return ""
	case len(origins) > 1:
		return "expected one header Origin, found several"
	case sameOrigin(origins[0], r.HTTP.Host, r.HTTP.TLS != nil):
		return ""
	}
	return "the header Origin is " + Quote(origins[0]) + ", the header Host is " + Quote(r.HTTP.Host) +
		", and `cors.origins` of the route does not list the origin; where a proxy in front of the bridge rewrites Host, make it " +
		"send the browser's own one, or list the origin"
}

// sameOrigin reports whether an origin, as a browser sends it (RFC 6454, 6.2), is that of the host which the request is for. A
// proxy may have taken TLS away, so of the two schemes only the ports count that stand for them where none is named.
func sameOrigin(origin, host string, overTLS bool) bool {
	scheme, address, found := strings.Cut(origin, "://")
	scheme = strings.ToLower(scheme)
	if !found || scheme != "http" && scheme != "https" {
		return false
	}
	page, ok := splitAuthority(address, portOf(scheme))
	if !ok {
		return false
	}
	if overTLS {
		scheme = "https"
	}
	own, ok := splitAuthority(host, portOf(scheme))
	return ok && page == own
}

func portOf(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// authority is the host and the port that a header names. The host is as canonicalHost returns it.
type authority struct{ host, port string }

// splitAuthority reads host, or host:port. It reports false for what has more than that, or less.
func splitAuthority(text, defaultPort string) (authority, bool) {
	if text == "" || strings.ContainsAny(text, "/?#@\\ ") {
		return authority{}, false
	}
	u, err := url.Parse("//" + text)
	if err != nil || u.Hostname() == "" {
		return authority{}, false
	}
	a := authority{canonicalHost(text), u.Port()}
	if a.port == "" {
		a.port = defaultPort
	}
	return a, true
}
