package config

import "strings"

// String returns the form of a file: "header", "cookie:NAME" or "query:NAME".
func (s TokenSource) String() string {
	if s.In == InHeader {
		return string(s.In)
	}
	return string(s.In) + ":" + s.Name
}

// parseTokenSource reads the form of a file.
func parseTokenSource(text string) (TokenSource, bool) {
	place, name, named := strings.Cut(text, ":")
	s := TokenSource{TokenPlace(place), name}
	switch s.In {
	case InHeader:
		return s, !named
	case InCookie:
		return s, isToken(name)
	case InQuery:
		return s, name != "" && !strings.ContainsAny(name, " \t\r\n&=#")
	}
	return TokenSource{}, false
}

// isToken reports whether text is a token of HTTP (RFC 9110, 5.6.2), as the name of a cookie is.
func isToken(text string) bool {
	for _, r := range text {
		if r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) {
			return false
		}
	}
	return text != ""
}

// tokenSources reads the places where a token may stand.
func (d *decoder) tokenSources(n *node) ([]TokenSource, bool) {
	list := notEmpty(d, "at least one place", listOf(d, `[header, "cookie:session"]`, d.tokenSource))
	from, ok := list(n)
	for i, s := range from {
		for _, before := range from[:i] {
			if ok && s == before {
				d.problem(n.children[i], "", "the place %s is listed twice", n.children[i].shown())
				return nil, false
			}
		}
	}
	return from, ok
}

// tokenSource reads one place where a token may stand.
func (d *decoder) tokenSource(n *node) (TokenSource, bool) {
	const what = "`header`, `cookie:NAME` or `query:NAME`"
	if !d.isScalar(n, what) {
		return TokenSource{}, false
	}
	s, ok := parseTokenSource(n.text())
	switch {
	case !ok:
		hint := ""
		switch TokenPlace(n.text()) {
		case InCookie, InQuery:
			hint = "name it: `" + n.text() + ":NAME`"
		}
		d.expected(n, what, hint)
	case s.In == InQuery && (s.Name == "last_event_id" || s.Name == "lastEventId"):
		d.problem(n, "", "the query parameter %s is the cursor: expected another name for the token", quote(s.Name))
		return TokenSource{}, false
	}
	return s, ok
}

func tokenSourceForm() map[string]any { return stringMatching(`^(header|(cookie|query):[^\s&=#]+)$`)() }
