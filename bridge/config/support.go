package config

import "strings"

// harmless describes the values of a key that are accepted although the key is not served yet, because they ask for nothing.
type harmless struct {
	accepts func(*node) bool
	// instead tells which value to write for now.
	instead string
	// form describes the accepted values in JSON Schema. It is nil for a section whose own keys have entries in the table.
	form form
}

// notYet is the table of the keys that the format has and the bridge does not serve yet. A value that asks for nothing is accepted,
// and any other value is refused, so that no setting is ignored silently. A key that is not in the table is served. A change that
// serves a key removes its entry, and decodes the value into types.go.
func notYet(key string) (harmless, bool) {
	switch key {
	case "auth.jwt":
		return onlyEmpty(emptyMapping)
	case "auth":
		return harmless{accepts: func(*node) bool { return true }}, true // their own keys have entries

	case "route.auth":
		return onlyWord(off)
	}
	return harmless{}, false
}

// referenceNotYet reports the references in `request.set` and `metadata.set` that are not served yet.
func referenceNotYet(ref string) bool {
	return strings.HasPrefix(ref, "claim.")
}

func onlyWord(word string) (harmless, bool) {
	return harmless{func(n *node) bool { return isWord(n, word) }, "only `" + word + "` is accepted for now", wordForm(word)}, true
}

func onlyEmpty(empty form) (harmless, bool) {
	return harmless{func(n *node) bool { return len(n.children) == 0 }, "remove it for now", empty}, true
}

// emptyMapping describes a mapping whose entries, if it has any, count as left out.
func emptyMapping() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": leftOut()}
}

// requireSupport reports a valid value of a key that is not served yet.
func (d *decoder) requireSupport(key string, n *node) {
	if rule, listed := notYet(key); listed && !rule.accepts(n) {
		d.add(n.place().problem(n.path, "not supported yet: "+rule.instead, ""))
	}
}
