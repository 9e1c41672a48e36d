package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/target"
)

// minKeepalive is the shortest time between two pings for grpc-go. It raises a shorter one.
const minKeepalive = 10 * time.Second

func defaultUpstream(name string) *Upstream {
	return &Upstream{
		Name:            name,
		Balance:         BalanceRoundRobin,
		Schema:          Schema{Reflection: true},
		Connections:     1,
		MaxConnections:  16,
		MaxMessageBytes: 4 * MiB,
		Keepalive:       Keepalive{Timeout: 20 * time.Second},
		Limits:          UpstreamLimits{Waiting: 1000},
	}
}

func (d *decoder) upstream(n *node) *Upstream {
	u := defaultUpstream(n.name)
	u.source = source{node: n, path: n.path}
	if !d.isMapping(n, "upstream") {
		return u
	}
	d.fields(n, "upstream", d.upstreamKeys(u))
	d.missing(n, "target", "the address of the gRPC server, such as localhost:50051")
	d.checkConnections(n, u)
	if authority := n.child("authority"); authority != nil && u.TLS != nil {
		d.add(authority.key.problem(authority.path, "`authority` is for plaintext: with `tls`, the name in the certificate is the :authority too",
			"say it with `server_name` in `tls`"))
	}
	return u
}

// upstreamKeys are the keys of an upstream.
func (d *decoder) upstreamKeys(u *Upstream) []field {
	metadata := custom("metadata", "Metadata that is sent with every call, by name. NAME_file names a file with the value, which is read again when it changes.", metadataForm,
		func(n *node) { u.Metadata, u.MetadataFiles = d.metadata(n) },
		func(w treeWriter, around *node) { w.masked(around, "metadata", u.metadataKeys()) })
	metadata.example = "{x-tenant: acme}"
	return []field{
		key("target", "The address of the gRPC server: anything that gRPC dials.", &u.Target, words(d.target).as(targetForm)).needed(),
		key("balance", "How calls are spread over the addresses behind the target.", &u.Balance, wordOf(d, balances())),
		key("authority", "The :authority of calls to a plaintext upstream.", &u.Authority, words(d.authority).as(authorityForm)),
		optional(d, "upstream.tls", "TLS to the server. {} is TLS with the system's roots; left out, the connection is not encrypted.",
			"{ca_file: ca.pem}, or {} for the system's roots", &u.TLS, func() *UpstreamTLS { return &UpstreamTLS{} }, d.upstreamTLSKeys).
			demanding(together("cert_file", "key_file")).
			reading(func(n *node) { u.TLS = d.upstreamTLS(n) }),
		d.section("upstream.schema", "Where the descriptors come from: one of reflection, descriptor_set and proto.", "{reflection: true} or {descriptor_set: market.binpb}",
			func() []field { return d.schemaKeys(&u.Schema) }).
			demanding(schemaRule).
			reading(func(n *node) { u.Schema = d.schema(n) }),
		key("annotations", "Whether methods are also served that carry google.api.http or grpcsse.v1 annotations.", &u.Annotations, d.flag()),
		key("connections", "How many connections are held open.", &u.Connections, d.count()),
		key("max_connections", "How many connections there may be while streams wait for a free place.", &u.MaxConnections, d.count()),
		key("max_message_bytes", "The largest message on the wire.", &u.MaxMessageBytes, sizes(d.size)),
		metadata,
		d.section("upstream.keepalive", "Pings on quiet connections.", "{time: 6m, timeout: 20s}",
			func() []field { return d.keepaliveKeys(&u.Keepalive) }).
			reading(func(n *node) { d.keepalive(n, &u.Keepalive) }),
		d.section("upstream.limits", "Limits of the upstream's streams. Over one of them, a stream is turned away at once.", "{streams: 5000, waiting: 1000}",
			func() []field { return d.upstreamLimitKeys(&u.Limits) }),
	}
}

// metadataKeys returns the keys of `metadata` without their values.
func (u *Upstream) metadataKeys() []string {
	keys := slices.Collect(maps.Keys(u.Metadata))
	for name := range u.MetadataFiles {
		keys = append(keys, name+"_file")
	}
	return keys
}

// checkConnections refuses more connections than `max_connections`.
func (d *decoder) checkConnections(n *node, u *Upstream) {
	if u.Connections <= u.MaxConnections {
		return
	}
	if given := n.child("connections"); given != nil {
		d.problem(given, "raise `max_connections`", "expected at most %d, which is `max_connections`, found %s", u.MaxConnections, given.found())
	}
}

// target reads the target of a gRPC connection: host:port, or a URI of one of gRPC's schemes.
func (d *decoder) target(n *node) (string, bool) {
	const what = "a gRPC target such as localhost:50051, dns:///market:50051 or unix:/run/market.sock"
	text, ok := d.wordFor(what)(n)
	if !ok {
		return "", false
	}
	scheme, address, _ := strings.Cut(text, "://")
	address = strings.TrimRight(address[strings.LastIndexByte(address, '@')+1:], "/") // a user and a password are not for a hint
	hint, readable := target.Check(text)
	switch scheme = strings.ToLower(scheme); {
	case address != "" && (scheme == "http" || scheme == "grpc"):
		d.expected(n, what, "did you mean `"+address+"`?")
	case address != "" && (scheme == "https" || scheme == "grpcs"):
		d.expected(n, what, "did you mean `"+address+"`, with `tls: {}` beside it?")
	case strings.ContainsAny(text, " \t"):
		d.expected(n, what, "")
	case !readable:
		d.expected(n, what, hint)
	default:
		return text, true
	}
	return "", false
}

// authority reads the :authority of plaintext calls: a host, with or without a port.
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
	d.fields(n, "upstream.tls", d.upstreamTLSKeys(tls))
	if n.child("cert_file") != nil {
		d.missing(n, "key_file", "the private key of `cert_file`")
	}
	if n.child("key_file") != nil {
		d.missing(n, "cert_file", "the certificate of `key_file`")
	}
	return tls
}

func (d *decoder) keepalive(n *node, k *Keepalive) {
	d.fields(n, "upstream.keepalive", d.keepaliveKeys(k))
	if k.Time > 0 && k.Time < minKeepalive {
		d.warn(n.child("time"), "", "gRPC sends no two pings within %v: the time will be %v", minKeepalive, minKeepalive)
	}
}

// schema reads the source of the descriptors. In an empty section it is reflection.
func (d *decoder) schema(n *node) Schema {
	var s Schema
	d.fields(n, "upstream.schema", d.schemaKeys(&s))
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
	d.fields(n, "upstream.schema.proto", d.protoKeys(p))
	d.missing(n, "files", "the .proto files to compile, as an import would name them")
	if p.ImportPaths == nil {
		p.ImportPaths = []string{filepath.Dir(n.pos.file.name)}
	}
	return p
}

func (d *decoder) upstreamTLSKeys(tls *UpstreamTLS) []field {
	return []field{
		key("ca_file", "The certificates that may sign the server's, in PEM. The system's roots by default.", &tls.CAFile, words(d.path)),
		key("cert_file", "The bridge's own certificate, in PEM.", &tls.CertFile, words(d.path)),
		key("key_file", "The private key of cert_file, in PEM.", &tls.KeyFile, words(d.path)),
		key("server_name", "The name that the server's certificate must have.", &tls.ServerName, words(d.word)),
	}
}

func (d *decoder) keepaliveKeys(k *Keepalive) []field {
	return []field{
		key("time", "A ping is sent after so long without traffic.", &k.Time, d.timeOrOff()),
		key("timeout", "How long the answer to a ping may take.", &k.Timeout, durations(d.positive, positiveForm)),
	}
}

func (d *decoder) schemaKeys(s *Schema) []field {
	return []field{
		key("reflection", "Whether the server is asked.", &s.Reflection, d.flag()),
		key("descriptor_set", "The path of a FileDescriptorSet.", &s.DescriptorSet, words(d.path)),
		optional(d, "upstream.schema.proto", ".proto files that are compiled at start.", "{files: [market.proto], import_paths: [proto]}",
			&s.Proto, func() *ProtoSources { return &ProtoSources{} }, d.protoKeys).
			reading(func(n *node) { s.Proto = d.protoSources(n) }),
	}
}

func (d *decoder) protoKeys(p *ProtoSources) []field {
	return []field{
		key("files", "The files, as an import would name them.", &p.Files,
			texts("[market.proto]", notEmptyForm(listForm(lineForm)), notEmpty(d, "at least one file", listOf(d, "[market.proto]", d.word)))).needed(),
		key("import_paths", "The directories in which imports are looked up. That of the configuration file by default.", &p.ImportPaths,
			texts("[proto]", notEmptyForm(listForm(lineForm)), notEmpty(d, "at least one directory", listOf(d, "[proto]", d.path)))),
	}
}
