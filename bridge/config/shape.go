package config

import (
	"net/url"
	"strings"
)

// The sections of this file are not served yet. Their values are checked, so that mistakes in them are found, and then refused by
// [notYet]. A change that serves a section turns its checks into decoding.

func (d *decoder) routeAuth(n *node) {
	if n.kind != mapping {
		oneOf(d, []string{off})(n)
		return
	}
	d.fields(n, "route.auth", d.routeAuthKeys())
	d.missing(n, "jwt", "the name of an entry of `auth.jwt`")
}

func (d *decoder) routeAuthKeys() []field {
	return []field{unserved("jwt", "The name of an entry of auth.jwt.", words(d.word)).needed()}
}

func (d *decoder) authKeys() []field {
	return []field{{
		key: "jwt", about: "Issuers of tokens, by a name of your own. Not served yet.", example: "{corp: {issuer: https://id.example.com}}",
		each: &field{name: "auth.jwt.*", example: "{issuer: https://id.example.com}", inside: d.jwtKeys},
		decode: func(n *node) {
			if !d.isMapping(n, "auth.jwt") {
				return
			}
			for _, c := range n.children {
				if c.kind != broken {
					d.jwt(c)
				}
			}
		},
		write: unwritten,
	}}
}

func (d *decoder) jwtKeys() []field {
	algorithms := []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"}
	return []field{
		unserved("issuer", "The issuer, whose keys are discovered.", words(d.webURL)),
		unserved("jwks_url", "Where the keys are.", words(d.webURL)),
		unserved("jwks_file", "The file that holds the keys.", words(d.path)),
		unserved("audience", "The audiences of which a token must have one.", texts("[web]", listForm(lineForm), listOf(d, "[web]", d.word))),
		unserved("algorithms", "The algorithms with which a token may be signed.",
			texts("[RS256, ES256]", listForm(wordForm(algorithms...)), listOf(d, "[RS256, ES256]", oneOf(d, algorithms)))),
		unserved("from", "Where a token may come from.",
			texts(`[header, "cookie:session"]`, listForm(lineForm), listOf(d, `[header, "cookie:session"]`, d.tokenSource))),
	}
}

func (d *decoder) jwt(n *node) {
	d.fields(n, "auth.jwt.*", d.jwtKeys())
	if n.kind == mapping && n.child("issuer") == nil && n.child("jwks_url") == nil && n.child("jwks_file") == nil {
		d.add(n.place().problem(n.path, "expected `issuer`, `jwks_url` or `jwks_file`, found none: without keys no token can be checked", ""))
	}
}

func (d *decoder) webURL(n *node) (string, bool) {
	return d.textThat("a URL such as https://id.example.com", func(text string) bool {
		u, err := url.Parse(text)
		return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
	})(n)
}

// tokenSource checks where a token may come from.
func (d *decoder) tokenSource(n *node) (string, bool) {
	return d.textThat("`header`, `cookie:NAME` or `query:NAME`", func(text string) bool {
		place, name, _ := strings.Cut(text, ":")
		return text == "header" || name != "" && (place == "cookie" || place == "query")
	})(n)
}
