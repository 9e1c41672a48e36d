package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/spelling"
)

// decoder turns nodes into settings, and gathers what is wrong on the way.
type decoder struct {
	*collector

	// guessed has, for each section, the keys that its unknown keys may be misspellings of. Their absence is no second mistake.
	guessed map[*node][]string
}

// into returns a decode function that stores the value that read returns. After a problem the target keeps its value.
func into[T any](target *T, read func(*node) (T, bool)) func(*node) {
	return func(n *node) {
		if v, ok := read(n); ok {
			*target = v
		}
	}
}

// fields decodes a section with a fixed set of keys. The section has a name such as "server.limits". Every route has the
// name "route", every upstream "upstream", and the whole file "".
func (d *decoder) fields(n *node, section string, known []field) {
	if !d.isMapping(n, section) {
		return
	}
	for _, c := range n.children {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == c.name })
		if i < 0 {
			d.unknownKey(n, c, section, known)
			continue
		}
		if c.kind != broken {
			known[i].decode(c)
		}
	}
}

// unknownKey reports a key that a section does not have. The hint names only keys that can stand there.
func (d *decoder) unknownKey(around, n *node, section string, known []field) {
	var keys []string
	for _, f := range known {
		if isAllowed(around, joinPath(section, f.key)) {
			keys = append(keys, f.key)
		}
	}
	meant := renamed(joinPath(section, n.name))
	if meant == "" {
		meant = spelling.Nearest(n.name, keys)
	}
	if meant == "" {
		meant = longForm(around, n.name, keys)
	}
	slices.Sort(keys)
	hint := "known keys here: " + strings.Join(keys, ", ")
	if meant != "" {
		hint = "did you mean `" + meant + "`?"
		if d.guessed == nil {
			d.guessed = make(map[*node][]string)
		}
		d.guessed[around] = append(d.guessed[around], meant)
	}
	d.add(n.key.problem(n.path, fmt.Sprintf("unknown key `%s`", printableKey(n.name)), hint))
}

// longForm returns the key of which word is a longer or a shorter form, such as `const` for `constant`, or the only key of a
// section that does not have it yet. It returns "" where no key or more than one is meant.
func longForm(around *node, word string, keys []string) string {
	if len(keys) == 1 && around.child(keys[0]) == nil {
		return keys[0]
	}
	const least = 3 // characters
	meant := ""
	for _, k := range keys {
		if min(len(k), len(word)) < least || !strings.HasPrefix(k, word) && !strings.HasPrefix(word, k) {
			continue
		}
		if meant != "" {
			return ""
		}
		meant = k
	}
	return meant
}

// isAllowed reports whether a key can stand in a section, so that a hint may name it.
func isAllowed(around *node, key string) bool {
	return around.path != "defaults" || key != "route.name" && key != "route.path"
}

// renamed returns the present name of a key that once had another name, or "".
func renamed(key string) string {
	if key == "route.share.max_age" {
		return "reopen_after"
	}
	return ""
}

// problem reports a mistake in a value.
func (d *decoder) problem(n *node, hint, format string, args ...any) {
	d.add(n.pos.problem(n.path, fmt.Sprintf(format, args...), hint))
}

// warn reports a value that is allowed and likely to surprise.
func (d *decoder) warn(n *node, hint, format string, args ...any) {
	p := n.pos.problem(n.path, fmt.Sprintf(format, args...), hint)
	p.Warning = true
	d.add(p)
}

// missing reports a key that a section needs and does not have. It says nothing where an unknown key of the section may be a
// misspelling of the missing one, since that is reported already.
func (d *decoder) missing(n *node, key, what string) {
	if n.kind == mapping && n.child(key) == nil && !slices.Contains(d.guessed[n], key) {
		d.add(n.place().problem(n.path, fmt.Sprintf("`%s` is missing: expected %s", key, what), ""))
	}
}

// expected reports a value of the wrong form. It drops the hint where the value is a secret, since hints may repeat the value.
func (d *decoder) expected(n *node, what, hint string) {
	if n.kind == broken {
		return
	}
	if n.secret {
		hint = ""
	}
	if n.kind == null {
		hint = "give it a value, or remove the key"
	}
	d.problem(n, hint, "expected %s, found %s", what, n.found())
}

// isMapping reports whether a section is a mapping, and reports a problem where it is none.
func (d *decoder) isMapping(n *node, section string) bool {
	if n.kind != mapping {
		what := "a mapping (`key: value`)"
		if example := sectionExample(section); example != "" {
			what = "a mapping such as " + example
		}
		d.expected(n, what, "")
	}
	return n.kind == mapping
}

func (d *decoder) isList(n *node, example string) bool {
	if n.kind != list {
		d.expected(n, "a list such as "+example, "")
	}
	return n.kind == list
}

// isScalar reports whether n is text without references to a request, and reports a problem where it is not. References may stand
// in `request.set` and `metadata.set` only.
func (d *decoder) isScalar(n *node, what string) bool {
	if n.kind != scalar {
		d.expected(n, what, "")
		return false
	}
	if part, ok := n.firstReference(); ok {
		d.problem(n, "", "${%s} can't stand here: references to a request belong in `request.set` and `metadata.set`", part.Ref)
		return false
	}
	return true
}

// listOf returns a reader of a list whose elements are all read by one function. It goes on after a problem, to find all of them.
func listOf[T any](d *decoder, example string, read func(*node) (T, bool)) func(*node) ([]T, bool) {
	return func(n *node) ([]T, bool) {
		if !d.isList(n, example) {
			return nil, false
		}
		all := true
		values := make([]T, 0, len(n.children))
		for _, element := range n.children {
			v, ok := read(element)
			values, all = append(values, v), all && ok
		}
		return values, all
	}
}

// eachOnce returns a reader that also refuses a list in which something stands twice. Its problems call it by the given name.
func (d *decoder) eachOnce(what string, read func(*node) ([]string, bool)) func(*node) ([]string, bool) {
	return func(n *node) ([]string, bool) {
		values, ok := read(n)
		listed := make(map[string]bool, len(values))
		for i, value := range values {
			if ok && listed[value] {
				d.problem(n.children[i], "", "the %s %s is listed twice", what, n.children[i].shown())
				return nil, false
			}
			listed[value] = true
		}
		return values, ok
	}
}

// notEmpty returns a reader that also refuses a list without elements.
func notEmpty[T any](d *decoder, what string, read func(*node) ([]T, bool)) func(*node) ([]T, bool) {
	return func(n *node) ([]T, bool) {
		values, ok := read(n)
		if ok && len(values) == 0 {
			d.problem(n, "", "expected %s, found an empty list", what)
			return nil, false
		}
		return values, ok
	}
}

// didYouMean returns the hint for a misspelled word, or "".
func didYouMean[T ~string](word string, candidates []T) string {
	if near := spelling.Nearest(word, candidates); near != "" {
		return "did you mean `" + string(near) + "`?"
	}
	return ""
}
