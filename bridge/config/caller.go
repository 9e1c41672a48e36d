package config

import (
	"slices"
	"strings"
)

const (
	plainCaller     = "the header %s tells who the caller is, and any client can send any value in it"
	plainCallerHint = "rely on it only behind a proxy that overwrites the header in every request"
)

// warnOfPlainCallers warns of a setting that identifies the caller by a header that any client can send. It goes by the names of
// the header and of the field or the metadata that takes its value, since nothing else tells what a value means.
func (d *decoder) warnOfPlainCallers(n *node, target string) {
	for _, c := range n.children {
		if n.kind == mapping {
			d.warnOfPlainCallers(c, c.name)
		} else {
			d.warnOfPlainCallers(c, target)
		}
	}
	for _, part := range n.value {
		header, ok := strings.CutPrefix(part.Ref, "header.")
		if ok && (namesCaller(header) || namesCaller(target) && !isCredential(header)) {
			d.warn(n, plainCallerHint, plainCaller, quote(header))
		}
	}
}

// isCredential reports the headers whose value a server can verify.
func isCredential(header string) bool {
	return header == "authorization" || header == "cookie"
}

// namesCaller reports whether a name has a word in it that stands for a person, or for what a person may do.
func namesCaller(name string) bool {
	if name == "user-agent" {
		return false
	}
	return hasWord(name, callerWords())
}

// hasWord reports whether one of the words stands in a name, between its hyphens, underscores and dots.
func hasWord(name string, words []string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_.", r) }) {
		if slices.Contains(words, word) {
			return true
		}
	}
	return false
}

func callerWords() []string {
	return []string{
		"account", "accountid", "admin", "caller", "customer", "email", "groups", "identity", "login", "owner", "principal", "role", "roles",
		"scope", "scopes", "sub", "subject", "tenant", "tenantid", "uid", "user", "userid", "username",
	}
}
