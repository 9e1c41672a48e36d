package config

import "fmt"

// leaveOutEmpty removes sections without a value from a tree, such as a section whose lines are all commented out: they count as
// left out. A key that is not a section stays, since its missing value is a mistake. It runs before the tree is used.
func (l *loader) leaveOutEmpty(n *node, section string) {
	if n.kind == list {
		if section == "routes" {
			for _, c := range n.children {
				l.leaveOutEmpty(c, "route")
			}
		}
		return
	}
	kept := n.children[:0]
	for _, c := range n.children {
		key := joinPath(section, c.name)
		switch section {
		case "upstreams":
			key = "upstream"
		case "defaults":
			key = "route." + c.name
		case "auth.jwt", "auth.ask":
			key = section + ".*"
		}
		if c.kind == null && sectionExample(key) != "" && key != "upstream" {
			l.warnOfEmptyTLS(c, key)
			continue
		}
		if sectionExample(key) != "" {
			l.leaveOutEmpty(c, key)
		}
		kept = append(kept, c)
	}
	n.children = kept
}

// warnOfEmptyTLS warns of an empty `tls` section, without which the connection is not encrypted.
func (l *loader) warnOfEmptyTLS(n *node, key string) {
	hint := ""
	switch key {
	case "upstream.tls":
		hint = "for TLS with the system's roots write `tls: {}`"
	case "server.tls":
		hint = "for TLS name a certificate: tls: " + sectionExample(key)
	default:
		return
	}
	p := n.key.problem(n.path, fmt.Sprintf("`%s` is empty and counts as left out: the connection is not encrypted", n.name), hint)
	p.Warning = true
	l.add(p)
}
