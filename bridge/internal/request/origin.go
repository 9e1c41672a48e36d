package request

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// PreflightMethod returns the method that a browser asks about in a preflight: the method of a request that a page of another
// origin wants to send. It returns "" for a request that is no preflight.
func (r *Request) PreflightMethod() string {
	if r.HTTP.Method != http.MethodOptions {
		return ""
	}
	return r.HTTP.Header.Get("Access-Control-Request-Method")
}

// Foreign returns "" for a request that no page of another origin has sent. Otherwise it returns why the request is taken to
// come from such a page, and what an operator can do about it.
//
// A browser says in Sec-Fetch-Site how the page's origin relates to that of the request. The header stays true behind a proxy
// that rewrites Host. Where the header is missing, Origin is compared with Host.
func (r *Request) Foreign() string {
	own := false
	for _, site := range r.HTTP.Header.Values("Sec-Fetch-Site") {
		switch {
		case strings.EqualFold(site, "cross-site"), strings.EqualFold(site, "same-site"):
			said := "the browser says " + strconv.Quote("Sec-Fetch-Site: "+strings.ToLower(site)) + ", " + r.OriginInWords()
			if len(r.HTTP.Header.Values("Origin")) == 0 {
				return said + ", and `cors.origins` allows only pages that name their origin: EventSource does, and so does fetch in " +
					"the mode `cors`"
			}
			return said + ", and `cors.origins` of the route does not list it"
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
	case sameOrigin(origins[0], r.origin.host, r.origin.scheme):
		return ""
	}
	return r.OriginInWords() + ", the header " + r.origin.byHost + " is " + Quote(r.origin.host) +
		", and `cors.origins` of the route does not list the origin; where a proxy in front of the bridge rewrites Host, make it " +
		"send the browser's own one, or send it as X-Forwarded-Host and list the proxy in `server.trusted_proxies`, or list the " +
		"origin"
}

// OriginInWords says for a message what the header Origin is.
func (r *Request) OriginInWords() string {
	switch origins := r.HTTP.Header.Values("Origin"); len(origins) {
	case 0:
		return "the header Origin is missing"
	case 1:
		return "the header Origin is " + Quote(origins[0])
	}
	return "there are several headers Origin"
}

// sameOrigin reports whether origin, as a browser sends it (RFC 6454, 6.2), is the origin of the host that the request names.
// ownScheme is the scheme of the request, "" where it is not known: a proxy may have taken TLS away, so a request without TLS
// may be that of a page with https. Hosts and ports are compared; where no port is named, it is that of the scheme.
func sameOrigin(origin, host, ownScheme string) bool {
	scheme, address, found := strings.Cut(origin, "://")
	scheme = strings.ToLower(scheme)
	if !found || scheme != schemeHTTP && scheme != schemeHTTPS {
		return false
	}
	page, ok := splitAuthority(address, portOf(scheme))
	if !ok {
		return false
	}
	own, ok := splitAuthority(host, portOf(cmp.Or(ownScheme, scheme)))
	return ok && page == own
}

func portOf(scheme string) string {
	if scheme == schemeHTTPS {
		return "443"
	}
	return "80"
}

// authority is a host, as canonicalHost returns it, and a port.
type authority struct{ host, port string }

// splitAuthority reads text of the form host or host:port. It reports false for any other text.
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
