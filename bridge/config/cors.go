package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// cors decodes which pages of other origins may read a stream.
func (d *decoder) cors(n *node) *CORS {
	c := &CORS{}
	d.fields(n, "route.cors", d.corsKeys(c))
	if c.Credentials && slices.Contains(c.Origins, "*") {
		d.problem(n.child("origins").children[0], "", "any origin with credentials would let every page read a user's streams: "+
			"name the origins, or set `credentials: false`")
	}
	return c
}

func (d *decoder) corsKeys(c *CORS) []field {
	return []field{
		key("origins", "The origins that may read the streams, exactly, or [\"*\"] for all.", &c.Origins,
			texts(`["https://app.example.com"]`, notEmptyForm(allOrForm(originForm)), d.origins)),
		key("credentials", "Whether those pages may send cookies and HTTP authentication.", &c.Credentials, d.flag()),
		key("headers", "Request headers that those pages may send, beside those that the route reads.", &c.Headers, d.headers("[x-tenant]", d.sendable)),
	}
}

// checkCORS refuses a route whose `cors` names no origins. The section in `defaults` may do without, since a route can add them.
func (d *decoder) checkCORS(r *mappedRoute) {
	if n := r.node.child("cors"); n != nil {
		d.missing(n, "origins", "the origins that may read the stream")
	}
}

// origins reads a list of exact origins, or ["*"].
func (d *decoder) origins(n *node) ([]string, bool) {
	list, ok := notEmpty(d, "at least one origin", d.eachOnce("origin", listOf(d, `["https://app.example.com"]`, d.origin)))(n)
	if star := slices.Index(list, "*"); ok && star >= 0 && len(list) > 1 {
		d.problem(n.children[star], "", "`*` stands for every origin: expected it alone, found it among others")
		return nil, false
	}
	return list, ok
}

// sendable refuses a header that no script in a page can send.
func (d *decoder) sendable(n *node, name string) bool {
	if !isForbiddenToScripts(name) {
		return true
	}
	d.problem(n, "leave it out", "no browser lets a script set the header %s", n.shown())
	return false
}

// isForbiddenToScripts reports request headers that only the browser itself sets
// (https://fetch.spec.whatwg.org/#forbidden-request-header). It has those that a person might list.
func isForbiddenToScripts(name string) bool {
	switch name {
	case "accept-encoding", "connection", "content-length", "cookie", "date", "host", "origin", "referer", "te", "trailer", "transfer-encoding",
		"upgrade", "via":
		return true
	}
	return strings.HasPrefix(name, "sec-") || strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "access-control-")
}

// origin reads an origin in the form that browsers send, since the bridge compares it letter by letter.
func (d *decoder) origin(n *node) (string, bool) {
	const what = "an origin such as https://app.example.com, or \"*\""
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	if text == "*" {
		return text, true
	}
	sent, ok := serializedOrigin(text)
	if ok && sent == text {
		return text, true
	}
	hint := ""
	switch {
	case ok:
		hint = "did you mean `" + sent + "`?"
	case text == "null":
		hint = "null is the origin of every sandboxed page and local file"
	case strings.Contains(text, "*"):
		hint = "there are no patterns: list every origin"
	case !strings.Contains(text, "://"):
		hint = "an origin begins with http:// or https://"
	}
	d.expected(n, what, hint)
	return "", false
}

// serializedOrigin returns the origin of a URL in the form of the header Origin (RFC 6454, section 6.2), and whether it
// has one.
func serializedOrigin(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.User != nil {
		return "", false
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		if strings.Trim(host, "0123456789abcdef:.") != "" {
			return "", false
		}
		host = "[" + host + "]"
	} else if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" {
		return "", false
	}
	port, isOwn := u.Port(), false
	switch u.Scheme {
	case "https":
		isOwn = port == "443"
	case "http":
		isOwn = port == "80"
	}
	if port == "" || isOwn {
		return u.Scheme + "://" + host, true
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return u.Scheme + "://" + host + ":" + strconv.FormatUint(number, 10), err == nil && number > 0
}
