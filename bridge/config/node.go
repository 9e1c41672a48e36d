package config

import (
	"strconv"
	"strings"
)

// kind is the kind of a value in a file.
type kind uint8

const (
	// broken is a value whose problem is reported already. Nothing more is reported of it.
	broken kind = iota
	null
	scalar
	list
	mapping
)

// node is a value of the file, with its place. The tree of nodes has no anchors, aliases, tags or duplicate keys, and
// the environment is filled in. It is not changed once it is read: [merge] makes new nodes.
type node struct {
	kind kind
	// pos is the place of the value, and key that of the key before it; elements of lists have no key.
	pos, key position
	// name is the key, or "" for an element of a list and for the whole file.
	name string
	// path is the configuration path, for example "routes[1].rpc".
	path string

	// raw is the text of a scalar as the file has it.
	raw string
	// value is the text with the environment filled in.
	value Template
	// quoted is true for a scalar in quotes.
	quoted bool
	// secret is true where the environment had a part in value: only raw may be shown.
	secret bool

	// filled are the parts of value that the environment gave.
	filled []filled

	// children are the elements of a list, or the values of a mapping, in the order of the file.
	children []*node
}

// child returns the value of a key, or nil.
func (n *node) child(name string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// each calls visit for the node, which may be nil, and all below it.
func (n *node) each(visit func(*node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, c := range n.children {
		c.each(visit)
	}
}

// element returns the first text of a list that equals the given one in any letter case, or nil.
func (n *node) element(text string) *node {
	if n == nil || n.kind != list {
		return nil
	}
	for _, c := range n.children {
		if c.kind == scalar && strings.EqualFold(c.text(), text) {
			return c
		}
	}
	return nil
}

// place returns the position for a problem about a value as a whole: its key, or the value where it has no key.
func (n *node) place() position {
	if !n.key.isZero() {
		return n.key
	}
	return n.pos
}

// find follows a key such as "request.set.a.b" or "request.query[1]" down the tree. It returns the node and true, or
// the nearest one around it and false. Keys may have dots in them, as the field paths of `request.set` do.
func (n *node) find(key string) (found *node, whole bool) {
	if key == "" {
		return n, true
	}
	if n.kind == list {
		return n.findElement(key)
	}
	for end := len(key); end > 0; end = strings.LastIndexAny(key[:end], ".[") {
		if c := n.child(key[:end]); c != nil {
			return c.find(strings.TrimPrefix(key[end:], "."))
		}
	}
	return n, false
}

func (n *node) findElement(key string) (*node, bool) {
	number, rest, ok := strings.Cut(strings.TrimPrefix(key, "["), "]")
	i, err := strconv.Atoi(number)
	if !ok || err != nil || i < 0 || i >= len(n.children) {
		return n, false
	}
	return n.children[i].find(strings.TrimPrefix(rest, "."))
}

// text returns the text of a scalar without references.
func (n *node) text() string {
	var b strings.Builder
	for _, part := range n.value {
		b.WriteString(part.Text)
	}
	return b.String()
}

// firstReference returns the first reference of a scalar that is left for each request to fill in.
func (n *node) firstReference() (Part, bool) {
	for _, part := range n.value {
		if part.Ref != "" {
			return part, true
		}
	}
	return Part{}, false
}

// longestQuote bounds, in characters, how much of a value a message repeats.
const longestQuote = 80

// shown returns the value as the file has it, in quotes.
func (n *node) shown() string {
	return quote(n.raw)
}

// found describes the value for messages of the form "expected …, found …".
func (n *node) found() string {
	switch n.kind {
	case null:
		return "nothing"
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	if n.secret {
		return "what the environment makes of " + n.shown()
	}
	return n.shown()
}

// quote returns text in quotes, safe for a terminal, and cut where it is long.
func quote(text string) string {
	text = withoutSecrets(text)
	if runes := []rune(text); len(runes) > longestQuote {
		return strconv.Quote(string(runes[:longestQuote])) + "…"
	}
	return strconv.Quote(text)
}

// keyPath appends the key of a mapping to a configuration path; a key that is no plain word is quoted.
func keyPath(path, key string) string {
	for _, r := range key {
		if !isWordRune(r) && r != '.' && r != '-' && r != '/' {
			return joinPath(path, quote(key))
		}
	}
	return joinPath(path, key)
}

func isWordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
