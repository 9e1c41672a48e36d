package config

import (
	"path/filepath"
	"strings"
	"time"
)

// minKeepalive is the shortest time between two pings that grpc-go sends, whatever it is told.
const minKeepalive = 10 * time.Second

func defaultUpstream(name string) *Upstream {
	return &Upstream{
		Name:            name,
		Balance:         "round_robin",
		Schema:          Schema{Reflection: true},
		Connections:     1,
		MaxConnections:  16,
		MaxMessageBytes: 4 * MiB,
		Keepalive:       Keepalive{Timeout: 20 * time.Second},
	}
}

func (d *decoder) upstream(n *node) *Upstream {
	u := defaultUpstream(n.name)
	u.source = source{node: n, path: n.path}
	if !d.isMapping(n, "upstream") {
		return u
	}
	d.fields(n, "upstream", []field{
		{"target", into(&u.Target, d.target)},
		{"balance", into(&u.Balance, d.oneOf("round_robin", "pick_first"))},
		{"authority", into(&u.Authority, d.authority)},
		{"tls", func(n *node) { u.TLS = d.upstreamTLS(n) }},
		{"schema", func(n *node) { u.Schema = d.schema(n) }},
		{"annotations", into(&u.Annotations, d.boolean)},
		{"connections", into(&u.Connections, d.atLeast(1))},
		{"max_connections", into(&u.MaxConnections, d.atLeast(1))},
		{"max_message_bytes", into(&u.MaxMessageBytes, d.size)},
		{"metadata", func(n *node) { u.Metadata = d.metadata(n) }},
		{"keepalive", func(n *node) { d.keepalive(n, &u.Keepalive) }},
	})
	d.missing(n, "target", "the address of the gRPC server, such as localhost:50051")
	d.checkConnections(n, u)
	if authority := n.child("authority"); authority != nil && u.TLS != nil {
		d.add(authority.key.problem(authority.path, "`authority` is for plaintext: with `tls`, the name in the certificate is the :authority too",
			"say it with `server_name` in `tls`"))
	}
	return u
}

// checkConnections sees that there are not more connections to begin with than there may ever be.
func (d *decoder) checkConnections(n *node, u *Upstream) {
	if u.Connections <= u.MaxConnections {
		return
	}
	if given := n.child("connections"); given != nil {
		d.problem(given, "raise `max_connections`", "expected at most %d, which is `max_connections`, found %s", u.MaxConnections, given.found())
	}
}

// target reads what gRPC dials: host:port, or a URI of one of its schemes.
func (d *decoder) target(n *node) (string, bool) {
	const what = "a gRPC target such as localhost:50051, dns:///market:50051 or unix:/run/market.sock"
	text, ok := d.wordFor(what)(n)
	if !ok {
		return "", false
	}
	plain, isHTTP := strings.CutPrefix(text, "http://")
	secure, isHTTPS := strings.CutPrefix(text, "https://")
	switch {
	case isHTTP:
		d.expected(n, what, "did you mean `"+strings.TrimRight(plain, "/")+"`?")
	case isHTTPS:
		d.expected(n, what, "did you mean `"+strings.TrimRight(secure, "/")+"`, with `tls: {}` beside it?")
	case strings.ContainsAny(text, " \t"):
		d.expected(n, what, "")
	default:
		return text, true
	}
	return "", false
}

// authority reads what a plaintext call gives as :authority: a host, with or without a port.
func (d *decoder) authority(n *node) (string, bool) {
	const what = "a host such as market.internal or market.internal:443"
	text, ok := d.wordFor(what)(n)
	if !ok {
		return "", false
	}
	if !isPrintableASCII(text) || strings.ContainsAny(text, " /\\@?#\"<>{}|^`") {
		d.expected(n, what, "")
		return "", false
	}
	return text, true
}

func (d *decoder) upstreamTLS(n *node) *UpstreamTLS {
	tls := &UpstreamTLS{}
	d.fields(n, "upstream.tls", []field{
		{"ca_file", into(&tls.CAFile, d.path)},
		{"cert_file", into(&tls.CertFile, d.path)},
		{"key_file", into(&tls.KeyFile, d.path)},
		{"server_name", into(&tls.ServerName, d.word)},
	})
	if n.child("cert_file") != nil {
		d.missing(n, "key_file", "the private key of `cert_file`")
	}
	if n.child("key_file") != nil {
		d.missing(n, "cert_file", "the certificate of `key_file`")
	}
	return tls
}

func (d *decoder) keepalive(n *node, k *Keepalive) {
	d.fields(n, "upstream.keepalive", []field{
		{"time", into(&k.Time, d.durationOrOff)},
		{"timeout", into(&k.Timeout, d.positive)},
	})
	if k.Time > 0 && k.Time < minKeepalive {
		d.warn(n.child("time"), "", "gRPC sends no two pings within %v: the time will be %v", minKeepalive, minKeepalive)
	}
}

// schema reads where descriptors come from: one source, or reflection where the section is empty.
func (d *decoder) schema(n *node) Schema {
	var s Schema
	d.fields(n, "upstream.schema", []field{
		{"reflection", into(&s.Reflection, d.boolean)},
		{"descriptor_set", into(&s.DescriptorSet, d.path)},
		{"proto", func(n *node) { s.Proto = d.protoSources(n) }},
	})
	var sources []*node
	for _, c := range n.children {
		known := c.name == "descriptor_set" || c.name == "proto" || c.name == "reflection"
		if off := c.name == "reflection" && c.kind == scalar && !s.Reflection; known && !off {
			sources = append(sources, c)
		}
	}
	switch {
	case len(sources) > 1:
		for _, second := range sources[1:] {
			d.add(second.key.problem(second.path, "a second source of the schema: expected one of `reflection`, `descriptor_set` and `proto`, and there is `"+
				sources[0].name+"` at "+sources[0].key.String(), ""))
		}
	case len(sources) == 0 && n.child("reflection") != nil && n.kind == mapping:
		d.problem(n.child("reflection"), "", "without reflection the schema needs another source: expected `descriptor_set` or `proto` beside it")
	case len(sources) == 0:
		s.Reflection = true
	}
	return s
}

func (d *decoder) protoSources(n *node) *ProtoSources {
	p := &ProtoSources{}
	d.fields(n, "upstream.schema.proto", []field{
		{"files", into(&p.Files, notEmpty(d, "at least one file", listOf(d, "[market.proto]", d.word)))},
		{"import_paths", into(&p.ImportPaths, notEmpty(d, "at least one directory", listOf(d, "[proto]", d.path)))},
	})
	d.missing(n, "files", "the .proto files to compile, as an import would name them")
	if p.ImportPaths == nil {
		p.ImportPaths = []string{filepath.Dir(n.pos.file.name)}
	}
	return p
}
