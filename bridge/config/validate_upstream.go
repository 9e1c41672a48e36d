package config

import "cmp"

// Validate returns the problems and warnings of an upstream that was made or changed in Go: the same that the upstream would have in
// a file, as far as they can be found without the server and without the files that the upstream names. A setting that is 0 or ""
// counts as left out. The bridge checks Metadata and MetadataFiles when it connects.
func (u *Upstream) Validate() Problems {
	var c collector
	d := &decoder{collector: &c}
	d.upstream(treeWriter{collector: &c}.upstream(u))
	return c.placed(u.source)
}

// upstream turns an upstream back into the tree of a file.
func (w treeWriter) upstream(u *Upstream) *node {
	defaults, given := defaultUpstream(u.Name), *u
	given.Balance = cmp.Or(u.Balance, defaults.Balance)
	given.Connections = cmp.Or(u.Connections, defaults.Connections)
	given.MaxConnections = cmp.Or(u.MaxConnections, max(defaults.MaxConnections, given.Connections))
	given.MaxMessageBytes = cmp.Or(u.MaxMessageBytes, defaults.MaxMessageBytes)
	given.Keepalive.Timeout = cmp.Or(u.Keepalive.Timeout, defaults.Keepalive.Timeout)
	given.Limits.Waiting = cmp.Or(u.Limits.Waiting, defaults.Limits.Waiting)
	given.Schema = w.oneSchema(u.Schema)
	root := &node{kind: mapping, pos: nowhere()}
	d := &decoder{collector: w.collector}
	w.fields(root, d.upstreamKeys(&given))
	return root
}

// oneSchema returns where the descriptors come from. Files count before reflection.
func (w treeWriter) oneSchema(s Schema) Schema {
	switch {
	case s.DescriptorSet != "" && s.Proto != nil:
		w.add(nowhere().problem("schema", "a second source of the schema: expected a DescriptorSet or Proto, found both", ""))
		return Schema{DescriptorSet: s.DescriptorSet}
	case s.DescriptorSet != "", s.Proto != nil:
		s.Reflection = false
	default:
		s.Reflection = true
	}
	return s
}
