package config

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// authKeys are the keys of the section `auth`.
func (d *decoder) authKeys(a *Auth) []field {
	return []field{
		key("warn", "How long before the end of its credentials a caller gets the event grpc-expiring.", &a.Warn, d.timeOrOff()),
		{
			key: "jwt", about: "Issuers of tokens, by a name of your own.", example: "{corp: {issuer: https://id.example.com}}",
			each: &field{
				key: "*", name: "auth.jwt.*", example: "{issuer: https://id.example.com}", rule: jwtRule,
				inside: func() []field { return d.jwtKeys(defaultJWT("")) },
			},
			decode: func(n *node) { a.JWT = entries(d, n, "auth.jwt", d.jwt) },
			write:  unwritten,
		},
		{
			key: "ask", about: "HTTP endpoints that decide about callers, by a name of your own.",
			example: `{session: {url: "http://auth:8080/check", forward: [cookie]}}`,
			each: &field{
				key: "*", name: "auth.ask.*", example: `{url: "http://auth:8080/check", forward: [cookie]}`,
				inside: func() []field { return d.askKeys(&Ask{}) },
			},
			decode: func(n *node) { a.Ask = entries(d, n, "auth.ask", d.ask) },
			write:  unwritten,
		},
	}
}

// entries decodes the values of a mapping with names that the user chooses.
func entries[T any](d *decoder, n *node, section string, read func(*node) T) (all []T) {
	if !d.isMapping(n, section) {
		return nil
	}
	for _, c := range n.children {
		if c.kind != broken {
			all = append(all, read(c))
		}
	}
	return all
}

// jwtKeys are the keys of an issuer of tokens.
func (d *decoder) jwtKeys(j *JWT) []field {
	sources := format[[]TokenSource]{
		read:    d.tokenSources,
		form:    notEmptyForm(setForm(tokenSourceForm)),
		example: `[header, "cookie:session"]`,
		write: func(from []TokenSource) *node {
			texts := make([]string, len(from))
			for i, s := range from {
				texts[i] = s.String()
			}
			return listNode(texts)
		},
	}
	return []field{
		key("issuer", "The issuer that a token must name. "+
			"Its keys are found by OpenID Connect discovery, unless jwks_url or jwks_file tells where they are.",
			&j.Issuer, words(d.word)),
		key("jwks_url", "Where the keys are.", &j.JWKSURL, words(d.webURL).as(webURLForm)),
		key("jwks_file", "The file with the keys, read again when it changes.", &j.JWKSFile, words(d.path)),
		key("audience", "The audiences of which a token must have one.", &j.Audience, d.audiences()),
		key("algorithms", "The algorithms with which a token may be signed.", &j.Algorithms, d.algorithms()),
		key("leeway", "How far the clocks of the issuer and of the bridge may differ. At most 5m.", &j.Leeway,
			durations(d.leeway, durationForm)),
		key("from", "Where a token may stand: header, cookie:NAME or query:NAME. The first place that has one counts.",
			&j.From, sources),
	}
}

// jwt decodes an issuer of tokens.
func (d *decoder) jwt(n *node) *JWT {
	j := defaultJWT(n.name)
	j.source = source{node: n, path: n.path}
	d.fields(n, "auth.jwt.*", d.jwtKeys(j))
	if n.kind != mapping {
		return j
	}
	issuer, url, file := n.child("issuer"), n.child("jwks_url"), n.child("jwks_file")
	switch {
	case len(d.guessed[n]) > 0: // one of them may be misspelled, which is reported already
	case issuer == nil && url == nil && file == nil:
		d.add(n.place().problem(n.path,
			"expected `issuer`, `jwks_url` or `jwks_file`, found none: without keys no token can be checked", ""))
	case url != nil && file != nil:
		d.add(file.key.problem(file.path, "a second source of the keys: expected one of `jwks_url` and `jwks_file`, "+
			"and there is `jwks_url` at "+url.key.String(), ""))
	}
	if issuer != nil && url == nil && file == nil && issuer.kind == scalar {
		d.webURL(issuer) // the keys are found by discovery
		d.warnOfPlainHTTP(issuer)
	}
	d.warnOfPlainHTTP(url)
	if n.child("audience") == nil && !slices.Contains(d.guessed[n], "audience") {
		p := n.place().problem(n.path, "`audience` is left out: a token that the issuer made for any other service is accepted too",
			"name the audience of this service, for example `audience: [web]`")
		p.Warning = true
		d.add(p)
	}
	return j
}

// askKeys are the keys of an endpoint that decides about callers.
func (d *decoder) askKeys(a *Ask) []field {
	return []field{
		key("url", "The endpoint. 2xx lets a caller in, 401 and 403 refuse it.", &a.URL, words(d.webURL).as(webURLForm)).needed(),
		key("forward", "The headers of the caller's request that the endpoint gets.", &a.Forward,
			texts("[cookie]", notEmptyForm(setForm(headerForm)),
				notEmpty(d, "at least one header", d.headerNames("[cookie]", d.askable)))).needed(),
		key("claims", "The headers of the answer that become claims. The first one is the subject.", &a.Claims,
			d.headers("[x-user-id]", anyHeader)),
		key("again", "How often the endpoint is asked again about a live stream. At least 1s.", &a.Again,
			format[time.Duration]{read: d.again, form: anyOf(positiveForm, wordForm(off)), write: durationNode}),
	}
}

// ask decodes an endpoint that decides about callers.
func (d *decoder) ask(n *node) *Ask {
	a := &Ask{Name: n.name, source: source{node: n, path: n.path}}
	d.fields(n, "auth.ask.*", d.askKeys(a))
	d.missing(n, "url", "the URL of the endpoint, such as http://auth:8080/check")
	d.missing(n, "forward", "the headers with the credentials of a caller, such as `[cookie]`")
	return a
}

// again reads how often an endpoint is asked again.
func (d *decoder) again(n *node) (time.Duration, bool) {
	value, ok := d.durationOrOff(n)
	if ok && value > 0 && value < time.Second {
		d.expected(n, "a duration of at least 1s, or `off`", "")
		return 0, false
	}
	return value, ok
}

const maxLeeway = 5 * time.Minute

// leeway reads how far two clocks may differ. A large leeway keeps tokens valid for longer than their issuer wants.
func (d *decoder) leeway(n *node) (time.Duration, bool) {
	value, ok := d.duration(n)
	if ok && value > maxLeeway {
		d.expected(n, "a duration of at most 5m", "")
		return 0, false
	}
	return value, ok
}

// audiences is the format of a list of audiences. An empty one stands for a key left out.
func (d *decoder) audiences() format[[]string] {
	read := notEmpty(d, "at least one audience", d.eachOnce("audience", listOf(d, "[web]", d.word)))
	f := texts("[web]", notEmptyForm(setForm(lineForm)), read)
	f.write = func(values []string) *node {
		if len(values) == 0 {
			return nil
		}
		return listNode(values)
	}
	return f
}

// algorithms is the format of a list of algorithms.
func (d *decoder) algorithms() format[[]Algorithm] {
	read := oneOf(d, algorithms())
	one := func(n *node) (Algorithm, bool) {
		if n.kind == scalar && (n.text() == "none" || strings.HasPrefix(n.text(), "HS")) {
			d.expected(n, oneOfText(algorithms()),
				"a token that is not signed, or signed with a key that the bridge would have to share, proves nothing")
			return "", false
		}
		return read(n)
	}
	list := notEmpty(d, "at least one algorithm", listOf(d, "[RS256, ES256]", one))
	return format[[]Algorithm]{
		form: notEmptyForm(setForm(wordForm(algorithms()...))), example: "[RS256, ES256]",
		read: func(n *node) ([]Algorithm, bool) {
			values, ok := list(n)
			for i, value := range values {
				if ok && slices.Contains(values[:i], value) {
					d.problem(n.children[i], "", "the algorithm %s is listed twice", n.children[i].shown())
					return nil, false
				}
			}
			return values, ok
		},
		write: func(values []Algorithm) *node {
			texts := make([]string, len(values))
			for i, value := range values {
				texts[i] = string(value)
			}
			return listNode(texts)
		},
	}
}

// askable refuses a header that the endpoint can't get as the caller has sent it.
func (d *decoder) askable(n *node, name string) bool {
	if !ownedByTransport(name) && !strings.HasPrefix(name, "x-forwarded-") {
		return true
	}
	d.problem(n, "leave it out", "the header %s can't be forwarded to the endpoint: HTTP or the bridge sets it", n.shown())
	return false
}

func anyHeader(*node, string) bool { return true }

const webURLText = "a URL such as https://id.example.com"

// webURL reads a URL of the web, without a user and a fragment.
func (d *decoder) webURL(n *node) (string, bool) {
	return d.textThat(webURLText, func(text string) bool {
		u, err := url.Parse(text)
		return err == nil && u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil && u.Fragment == "" &&
			!strings.ContainsAny(text, " \t\r\n#")
	})(n)
}

// warnOfPlainHTTP warns of a URL whose answers anybody on the way can replace. n may be nil.
func (d *decoder) warnOfPlainHTTP(n *node) {
	if n == nil || n.kind != scalar {
		return
	}
	u, err := url.Parse(n.text())
	if err != nil || u.Scheme != "http" || isLoopbackHost(u.Hostname()) {
		return
	}
	d.warn(n, "use https", "keys that come over http can be replaced on the way: then anybody can make tokens")
}
