package config

import "strings"

// harmless says which values of a key change nothing, though the function behind the key is still to come.
type harmless struct {
	accepts func(*node) bool
	// instead tells what can be written for now.
	instead string
	// form describes what is accepted in JSON Schema. It is nil where only what is inside is refused.
	form form
}

// notYet is the table of the keys that the format has and the bridge does not serve yet. The values that it names
// change nothing and are accepted; any other is refused, so that nothing is silently ignored. A key that is not in it is
// served. Whoever builds the function of a key deletes its line, and decodes it into types.go.
func notYet(key string) (harmless, bool) {
	switch key {
	case "server.health", "server.admin":
		return onlyWord(off)
	case "server.trusted_proxies":
		return onlyEmpty(emptyList)
	case "server.limits.streams_per_client":
		return onlyWord(unlimited)
	case "auth.jwt":
		return onlyEmpty(emptyMapping)
	case "auth", "route.limits":
		return harmless{accepts: func(*node) bool { return true }}, true // only what they hold is refused

	case "route.auth":
		return onlyWord(off)
	case "route.limits.streams", "route.limits.streams_per_client":
		return onlyWord(unlimited)
	}
	return harmless{}, false
}

// referenceNotYet is the same for the references in `request.set` and `metadata.set`.
func referenceNotYet(ref string) bool {
	return strings.HasPrefix(ref, "claim.")
}

func onlyWord(word string) (harmless, bool) {
	return harmless{func(n *node) bool { return isWord(n, word) }, "only `" + word + "` is accepted for now", wordForm(word)}, true
}

func onlyEmpty(empty form) (harmless, bool) {
	return harmless{func(n *node) bool { return len(n.children) == 0 }, "remove it for now", empty}, true
}

func emptyList() map[string]any { return map[string]any{"type": "array", "maxItems": 0} }

// emptyMapping describes a mapping whose entries, if it has any, count as left out.
func emptyMapping() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": leftOut()}
}

// requireSupport reports a valid value that asks for something which is still to come.
func (d *decoder) requireSupport(key string, n *node) {
	if rule, listed := notYet(key); listed && !rule.accepts(n) {
		d.add(n.place().problem(n.path, "not supported yet: "+rule.instead, ""))
	}
}
