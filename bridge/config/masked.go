package config

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Mask stands in the text that [Config.Masked] returns where a value is not shown.
const Mask = "***"

// Masked returns the configuration in the form of a file, for an operator: the keys of all files, the settings of `defaults` in
// each route, and the defaults of all other keys. In place of a value that may be secret it has a [Mask]:
//
//   - what the environment has given, or had a part in
//   - the metadata of an upstream, and the `metadata.set` of a route, with the contents of `*_file` keys among them
//   - the credentials and the query in a URL
//
// Paths of files are shown, and not what is in the files. Masked may be called concurrently.
func (c *Config) Masked() ([]byte, error) {
	s := shower{treeWriter{collector: &collector{}, shows: true}}
	var out bytes.Buffer
	encoder, err := yaml.NewDumper(&out, yaml.WithIndent(2))
	if err != nil {
		return nil, err
	}
	if err := encoder.Dump(yamlNode(s.config(c))); err != nil {
		return nil, err
	}
	err = encoder.Close()
	return out.Bytes(), err
}

// shower writes a configuration as a tree in which secrets are masked.
type shower struct{ treeWriter }

func (s shower) config(c *Config) *node {
	root := &node{kind: mapping, pos: nowhere()}
	d := &decoder{collector: s.collector}
	server, auth := c.Server, c.Auth
	s.fields(root, d.fileKeys(&server, &auth, new(*node), new(*node)))
	s.auth(root, c.source.node.child("auth"), &auth)
	for _, section := range root.children {
		section.maskAs(c.source.node.child(section.name))
	}
	upstreams := root.section("upstreams")
	for _, u := range c.Upstreams {
		written := s.upstream(u)
		written.maskAs(u.source.node)
		upstreams.set(u.Name, written)
	}
	if c.Defaults != nil {
		defaults := s.route(c.Defaults)
		defaults.maskAs(c.Defaults.source.node)
		defaults.remove("name", "path", "rpc") // each route has its own
		root.set("defaults", defaults)
	}
	routes := &node{kind: list, pos: nowhere()}
	for _, r := range c.Routes {
		written, origin := s.route(r), r.source.node
		if origin.child("name") == nil && origin.child("path").isSecret() {
			written.child("name").mask() // by default, the name is the path
		}
		written.maskAs(origin)
		routes.children = append(routes.children, written)
	}
	root.set("routes", routes)
	return root
}

// auth writes the section `auth`, whose entries have the names that the user chose. origin is the section in the file, and may be nil.
func (s shower) auth(root, origin *node, a *Auth) {
	if len(a.JWT)+len(a.Ask) == 0 && origin == nil {
		return
	}
	section := root.section("auth")
	section.set("warn", durationNode(a.Warn))
	for i, j := range a.JWT {
		if i == 0 {
			section.section("jwt")
		}
		section.child("jwt").set(j.Name, s.jwt(j))
	}
	for i, e := range a.Ask {
		if i == 0 {
			section.section("ask")
		}
		section.child("ask").set(e.Name, s.ask(e))
	}
}

// isSecret reports whether the environment had a part in the value, which may be nil, or in any below it.
func (n *node) isSecret() bool {
	secret := false
	n.each(func(n *node) { secret = secret || n.secret })
	return secret
}

// maskAs masks each value that is secret in origin, the tree of the file. Where origin has a secret below a key that n does not
// have, it masks also what n has below keys that origin does not have: the one may have become the other.
func (n *node) maskAs(origin *node) {
	switch {
	case !origin.isSecret():
	case n.kind != mapping || origin.kind != mapping:
		n.mask()
	default:
		lost := slices.ContainsFunc(origin.children, func(c *node) bool { return c.isSecret() && n.child(c.name) == nil })
		for _, c := range n.children {
			of := origin.child(c.name)
			if of == nil && lost {
				c.mask()
			}
			c.maskAs(of)
		}
	}
}

// mask masks the values of a tree, which may be nil.
func (n *node) mask() {
	n.each(func(n *node) {
		if n.kind == scalar || n.kind == null || n.kind == broken {
			n.kind, n.value, n.quoted = scalar, Literal(Mask), false
		}
	})
	if n != nil && n.kind == list { // the number of elements tells something too
		n.children = []*node{{kind: scalar, pos: nowhere(), value: Literal(Mask)}}
	}
}

// remove removes keys of a mapping.
func (n *node) remove(keys ...string) {
	n.children = slices.DeleteFunc(n.children, func(c *node) bool { return slices.Contains(keys, c.name) })
}

// masked writes metadata whose values are not shown.
func (w treeWriter) masked(around *node, key string, names []string) {
	if !w.shows || len(names) == 0 {
		return
	}
	section := around.section(key)
	slices.Sort(names)
	for _, name := range names {
		section.set(name, textNode(Mask))
	}
}

// yamlNode turns a tree into YAML.
func yamlNode(n *node) *yaml.Node {
	switch n.kind {
	case mapping:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, c := range n.children {
			out.Content = append(out.Content, scalarNode(c.name, false), yamlNode(c))
		}
		if len(n.children) == 0 {
			out.Style = yaml.FlowStyle
		}
		return out
	case list:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		flat := true
		for _, c := range n.children {
			out.Content = append(out.Content, yamlNode(c))
			flat = flat && c.kind == scalar
		}
		if flat {
			out.Style = yaml.FlowStyle
		}
		return out
	case null:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	return scalarNode(shownText(n), n.quoted)
}

// scalarNode returns text as YAML. The text has quotes where quoted is true, and where a reader of YAML would take it for no
// value or for a merge key.
func scalarNode(text string, quoted bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	switch strings.ToLower(text) {
	case "", "~", "null", "<<", "=":
		quoted = true
	}
	if quoted || strings.ContainsAny(text, "\r\n\t") {
		n.Tag, n.Style = "!!str", yaml.DoubleQuotedStyle
	}
	return n
}

// shownText returns the text of a scalar as a file has it, with its references, and without the secrets of a URL.
func shownText(n *node) string {
	var b strings.Builder
	for _, part := range n.value {
		if part.Ref == "" {
			b.WriteString(strings.ReplaceAll(withoutSecrets(part.Text), "$", "$$"))
			continue
		}
		b.WriteString("${" + part.Ref)
		if part.HasDefault {
			b.WriteString(":-" + part.Default)
		}
		b.WriteString("}")
	}
	return b.String()
}

// withoutSecrets masks what stands before the @ of a URL, scheme://user:password@host, and its query, which may have a key.
func withoutSecrets(text string) string {
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		return text
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		rest = Mask + rest[at:]
	}
	if hasQuery {
		rest += "?" + Mask
		if at := strings.IndexByte(query, '#'); at >= 0 {
			rest += query[at:]
		}
	}
	return scheme + "://" + rest
}
