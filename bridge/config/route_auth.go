package config

import (
	"slices"
	"strings"
)

// routeAuth decodes who may read the streams of a route. It returns nil for `off`, with which a route takes back the section of
// `defaults`.
func (d *decoder) routeAuth(n *node) *RouteAuth {
	if n.kind != mapping {
		const what = "a mapping such as {jwt: corp}, or `off`"
		if d.isScalar(n, what) && !isWord(n, off) {
			d.expected(n, what, wordHint(n.text(), off))
		}
		return nil
	}
	a := &RouteAuth{}
	d.fields(n, "route.auth", d.routeAuthKeys(a))
	jwt, ask := n.child("jwt"), n.child("ask")
	switch {
	case jwt != nil && ask != nil:
		d.add(ask.key.problem(ask.path, "expected one of `jwt` and `ask`, found both: keep one of the two", ""))
	case jwt == nil && ask == nil && len(d.guessed[n]) == 0:
		d.add(n.place().problem(n.path, "expected `jwt` or `ask` with the name of an entry of `auth`, found neither", ""))
	}
	return a
}

func (d *decoder) routeAuthKeys(a *RouteAuth) []field {
	require := custom("require", "Claims that a caller must have, by name: the claim is this value, or a list that has it.", requireForm,
		func(n *node) { a.Require = d.requirements(n) },
		func(_ treeWriter, around *node) {
			if len(a.Require) == 0 {
				return
			}
			section := around.section("require")
			for _, r := range a.Require {
				section.set(r.Claim, textNode(r.Value))
			}
		})
	require.example = "{role: admin}"
	return []field{
		key("jwt", "The name of an entry of auth.jwt.", &a.JWT, words(d.word)),
		key("ask", "The name of an entry of auth.ask.", &a.Ask, words(d.word)),
		require,
	}
}

// requirements reads the claims that a caller must have, and sorts them by name.
func (d *decoder) requirements(n *node) (all []Requirement) {
	if !d.isMapping(n, "route.auth.require") {
		return nil
	}
	for _, c := range n.children {
		if !isClaimName(c.name) {
			d.add(c.key.problem(c.path, "expected the name of a claim as key, found "+quote(c.name), ""))
			continue
		}
		if d.isScalar(c, "text, a number, true or false") {
			all = append(all, Requirement{c.name, c.text()})
		}
	}
	slices.SortFunc(all, func(a, b Requirement) int { return strings.Compare(a.Claim, b.Claim) })
	return all
}

// isClaimName reports whether text can stand after "claim." in a reference.
func isClaimName(text string) bool {
	return text != "" && !strings.ContainsAny(text, " \t\r\n{}") && !strings.Contains(text, ":-")
}

func requireForm() map[string]any {
	return map[string]any{
		"type": "object", "additionalProperties": textForm(), "propertyNames": map[string]any{"pattern": `^[^\s{}]+$`},
	}
}
