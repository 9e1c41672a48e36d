package bridge

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// checkOrigin lets pages of the bridge's own origin and of those that the route names pass. It runs before anything of the
// request is acted upon.
func (b *Bridge) checkOrigin(w http.ResponseWriter, rt *route, c *caller) *ending.Ending {
	if rt.cors != nil {
		rt.cors.HandlerFunc(w, c.r)
	}
	foreign := c.foreign()
	if foreign == "" || rt.cors != nil && len(c.r.Header.Values("Origin")) < 2 && rt.cors.OriginAllowed(c.r) {
		return nil
	}
	b.warn.once("origin "+rt.cfg.Name, c.r.Header.Get("Origin"), "a page of another origin was refused",
		"route", rt.cfg.Name, "origin", cut(c.r.Header.Get("Origin")), "host", cut(c.r.Host), "because", foreign)
	return ending.NotAStream(http.StatusForbidden, ending.PermissionDenied, "the route does not serve pages of this origin: "+foreign)
}

// foreign says why a request is taken to be on behalf of a page of another origin, and what can be done; "" where it is not.
// Sec-Fetch-Site is the browser's own word, which a proxy that rewrites Host leaves true; where it is missing, Origin is held
// against Host.
func (c *caller) foreign() string {
	own := false
	for _, site := range c.r.Header.Values("Sec-Fetch-Site") {
		switch {
		case strings.EqualFold(site, "cross-site"), strings.EqualFold(site, "same-site"):
			return "the browser says " + strconv.Quote("Sec-Fetch-Site: "+strings.ToLower(site)) + " of a page with the origin " +
				shown(c.r.Header.Get("Origin")) + ", and `cors.origins` of the route does not list it"
		case strings.EqualFold(site, "same-origin"), strings.EqualFold(site, "none"):
			own = true
		}
	}
	origins := c.r.Header.Values("Origin")
	switch {
	case own || len(origins) == 0:
		return ""
	case len(origins) > 1:
		return "expected one header Origin, found several"
	case sameOrigin(origins[0], c.r.Host, c.r.TLS != nil):
		return ""
	}
	return "the header Origin is " + shown(origins[0]) + ", the header Host is " + shown(c.r.Host) +
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

// maxShown bounds what a message repeats of a header.
const maxShown = 100

// shown returns what a client has sent for a person to read: quoted, and cut.
func shown(text string) string { return strconv.QuoteToASCII(cut(text)) }

// cut returns what a client has sent, cut. A log quotes it itself.
func cut(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return text[:maxShown] + "…"
}
