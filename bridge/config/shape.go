package config

import (
	"net/url"
	"strings"
)

// The sections of this file have no function yet: their values are checked, so that a file written for them is found
// right or wrong, and then [notYet] refuses them. Whoever builds the function turns the checks into decoding.

func (d *decoder) routeAuth(n *node) {
	if n.kind != mapping {
		d.oneOf(off)(n)
		return
	}
	d.fields(n, "route.auth", []field{{"jwt", shape(d.word)}})
	d.missing(n, "jwt", "the name of an entry of `auth.jwt`")
}

func (d *decoder) authSection(n *node) {
	d.fields(n, "auth", []field{{"jwt", func(n *node) {
		if !d.isMapping(n, "auth.jwt") {
			return
		}
		for _, c := range n.children {
			if c.kind != broken {
				d.jwt(c)
			}
		}
	}}})
}

func (d *decoder) jwt(n *node) {
	d.fields(n, "auth.jwt.*", []field{
		{"issuer", shape(d.webURL)},
		{"jwks_url", shape(d.webURL)},
		{"jwks_file", shape(d.path)},
		{"audience", shape(listOf(d, "[web]", d.word))},
		{"algorithms", shape(listOf(d, "[RS256, ES256]", d.oneOf(
			"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")))},
		{"from", shape(listOf(d, `[header, "cookie:session"]`, d.tokenSource))},
	})
	if n.kind == mapping && n.child("issuer") == nil && n.child("jwks_url") == nil && n.child("jwks_file") == nil {
		d.add(n.place().problem(n.path, "expected `issuer`, `jwks_url` or `jwks_file`, found none: without keys no token can be checked", ""))
	}
}

func (d *decoder) webURL(n *node) (string, bool) {
	const what = "a URL such as https://id.example.com"
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		d.expected(n, what, "")
		return "", false
	}
	return text, true
}

// tokenSource checks where a token may come from.
func (d *decoder) tokenSource(n *node) (string, bool) {
	const what = "`header`, `cookie:NAME` or `query:NAME`"
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	place, name, named := strings.Cut(text, ":")
	if text != "header" && (!named || name == "" || place != "cookie" && place != "query") {
		d.expected(n, what, "")
		return "", false
	}
	return text, true
}
