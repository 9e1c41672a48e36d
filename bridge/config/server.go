package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

func defaultServer() Server {
	return Server{
		Listen:        ":8080",
		DrainTimeout:  20 * time.Second,
		HeaderTimeout: 10 * time.Second,
		IdleTimeout:   2 * time.Minute,
		IOUring:       IOUringAuto,
		RequestBytes:  64 * KiB,
		SharedStreams: 10_000,
		ReplayBytes:   GiB,
		QueueBytes:    GiB,
		AccessLog:     defaultAccessLog(),
	}
}

// serverKeys are the keys of the section `server`.
func (d *decoder) serverKeys(s *Server) []field {
	return []field{
		key("listen", "The public address.", &s.Listen, words(d.address).as(addressForm)),
		optional(d, "server.tls", "The certificate of the public address, read again when the files change. Left out, there is no TLS.",
			"{cert_file: tls.crt, key_file: tls.key}", &s.TLS, func() *ServerTLS { return &ServerTLS{} }, d.serverTLSKeys).
			reading(func(n *node) { s.TLS = d.serverTLS(n) }),
		key("health", "The address for /livez, /readyz, /startupz and /metrics.", &s.Health, d.listenerOrOff()),
		d.admin(s),
		key("drain_timeout", "The time over which streams end at shutdown.", &s.DrainTimeout, durations(d.duration, durationForm)),
		key("header_timeout", "The time in which the header of a request must arrive.", &s.HeaderTimeout, durations(d.positive, positiveForm)),
		key("idle_timeout", "The time after which a connection without a request is closed.", &s.IdleTimeout, durations(d.positive, positiveForm)),
		key("proxy_protocol", "Whether each connection begins with a PROXY protocol header, which names the client.", &s.ProxyProtocol, d.flag()),
		key("io_uring", "Whether parked connections are written to by io_uring of Linux, many with one system call, where the system allows it.",
			&s.IOUring, wordOf(d, ioUrings())),
		key("trusted_proxies", "The proxies whose X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto are believed. None by default.",
			&s.TrustedProxies, texts(`["10.0.0.0/8"]`, setForm(networkForm), d.networks)),
		key("hosts", "The hosts that requests may name, without a port. Any by default.", &s.Hosts, texts("[app.example.com]", setForm(hostForm), d.hosts)),
		key("openapi", "The path of an OpenAPI document of the routes, which anybody who reaches the public address may read.", &s.OpenAPI,
			d.documentPath()),
		d.accessLog(&s.AccessLog),
		d.section("server.limits", "Limits of the whole bridge.", "{shared_streams: 10000}", func() []field { return d.limitKeys(s) }),
	}
}

func (d *decoder) serverTLSKeys(tls *ServerTLS) []field {
	return []field{
		key("cert_file", "The path of the certificate chain, in PEM.", &tls.CertFile, words(d.path)).needed(),
		key("key_file", "The path of the certificate's private key, in PEM.", &tls.KeyFile, words(d.path)).needed(),
	}
}

func (d *decoder) serverTLS(n *node) *ServerTLS {
	tls := &ServerTLS{}
	d.fields(n, "server.tls", d.serverTLSKeys(tls))
	d.missing(n, "cert_file", "the path of the certificate chain in PEM")
	d.missing(n, "key_file", "the path of the certificate's private key in PEM")
	return tls
}

// hosts reads the hosts of `server.hosts`, and puts them into lower case. An empty list is nil.
func (d *decoder) hosts(n *node) ([]string, bool) {
	names, ok := d.eachOnce("host", listOf(d, "[app.example.com]", d.host))(n)
	if len(names) == 0 {
		names = nil
	}
	return names, ok
}

// host reads one name, pattern, address or range of addresses.
func (d *decoder) host(n *node) (string, bool) {
	const what = "a host without a port, such as app.example.com, *.example.com, 10.1.2.3 or 10.0.0.0/8"
	if !d.isScalar(n, what) {
		return "", false
	}
	name, ok := canonicalHost(n.text())
	if !ok {
		d.expected(n, what, hostHint(n.text()))
	}
	return name, ok
}

// canonicalHost returns a host in the form in which hosts are compared, and reports whether text is one.
func canonicalHost(text string) (string, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked().String(), true
	}
	bare := text
	if inside, ok := strings.CutPrefix(text, "["); ok {
		bare, ok = strings.CutSuffix(inside, "]")
		if !ok {
			return "", false
		}
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return addr.Unmap().String(), addr.Zone() == ""
	}
	name := strings.TrimSuffix(strings.ToLower(text), ".")
	labels := strings.TrimPrefix(name, "*.")
	for label := range strings.SplitSeq(labels, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", false
		}
	}
	return name, len(name) <= 253
}

// hostHint returns a hint with the host of an origin, of a URL, or of a host with a port, or "".
func hostHint(text string) string {
	if text == "*" {
		return "remove the key: without it, requests may name any host"
	}
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		text = u.Host
	}
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	if name, ok := canonicalHost(text); ok {
		return "did you mean `" + name + "`?"
	}
	return ""
}
