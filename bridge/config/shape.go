package config

import (
	"net/url"
	"strings"
)

// The sections of this file have no function yet: their values are checked, so that a file written for them is found
// right or wrong, and then [notYet] refuses them. Whoever builds the function turns the checks into decoding.

func (d *decoder) share(n *node) {
	d.fields(n, "route.share", []field{
		{"late_join", d.lateJoin},
		{"replay", func(n *node) {
			d.fields(n, "route.share.replay", []field{
				{"events", shape(d.atLeast(1))},
				{"bytes", shape(d.size)},
				{"age", shape(d.positive)},
			})
		}},
		{"slow_client", shape(d.oneOf("disconnect", "skip"))},
		{"linger", shape(d.duration)},
		{"max_age", shape(d.duration)},
	})
	d.missing(n, "late_join", "what a browser gets that comes later, such as `latest`")
}

func (d *decoder) lateJoin(n *node) {
	if n.kind != mapping {
		d.oneOfFor("`latest`, `all`, `none`, {latest_by: FIELD} or {since: FIELD}", "latest", "all", "none")(n)
		return
	}
	d.fields(n, "route.share.late_join", []field{
		{"latest_by", shape(d.fieldPath)},
		{"keys", shape(d.atLeast(1))},
		{"since", shape(d.fieldPath)},
	})
	latest, since, keys := n.child("latest_by"), n.child("since"), n.child("keys")
	switch {
	case latest == nil && since == nil:
		d.add(n.place().problem(n.path, "expected `latest_by` or `since`, found neither", ""))
	case latest != nil && since != nil:
		d.add(n.place().problem(n.path, "expected `latest_by` or `since`, found both", ""))
	case since != nil && keys != nil:
		d.add(keys.place().problem(keys.path, "`keys` bounds `latest_by`: expected it beside that only", ""))
	}
}

func (d *decoder) routeAuth(n *node) {
	if n.kind != mapping {
		d.oneOfFor("`none`, or {jwt: NAME}", "none")(n)
		return
	}
	d.fields(n, "route.auth", []field{{"jwt", shape(d.word)}})
	d.missing(n, "jwt", "the name of an entry of `auth.jwt`")
}

func (d *decoder) authSection(n *node) {
	d.fields(n, "auth", []field{{"jwt", func(n *node) {
		if !d.isMapping(n) {
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
