package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

func defaultServer() Server {
	return Server{
		Listen:        ":8080",
		DrainTimeout:  20 * time.Second,
		RequestBytes:  64 * KiB,
		SharedStreams: 10_000,
		ReplayBytes:   GiB,
	}
}

func (d *decoder) server(n *node, s *Server) {
	d.fields(n, "server", []field{
		{"listen", into(&s.Listen, d.address)},
		{"tls", func(n *node) { s.TLS = d.serverTLS(n) }},
		{"health", shape(d.addressOrOff)},
		{"admin", shape(d.addressOrOff)},
		{"drain_timeout", into(&s.DrainTimeout, d.duration)},
		{"trusted_proxies", shape(listOf(d, `["10.0.0.0/8"]`, d.network))},
		{"hosts", into(&s.Hosts, d.hosts)},
		{"limits", func(n *node) {
			d.fields(n, "server.limits", []field{
				{"streams", into(&s.Streams, d.countOr(auto))},
				{"streams_per_client", shape(d.countOr(unlimited))},
				{"shared_streams", into(&s.SharedStreams, d.atLeast(1))},
				{"replay_bytes", into(&s.ReplayBytes, d.size)},
				{"request_bytes", into(&s.RequestBytes, d.size)},
			})
		}},
	})
}

func (d *decoder) serverTLS(n *node) *ServerTLS {
	tls := &ServerTLS{}
	d.fields(n, "server.tls", []field{
		{"cert_file", into(&tls.CertFile, d.path)},
		{"key_file", into(&tls.KeyFile, d.path)},
	})
	d.missing(n, "cert_file", "the path of the certificate chain in PEM")
	d.missing(n, "key_file", "the path of the certificate's private key in PEM")
	return tls
}

// network reads a range of addresses, or one address.
func (d *decoder) network(n *node) (string, bool) {
	const what = "a range of addresses such as 10.0.0.0/8"
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	_, prefixErr := netip.ParsePrefix(text)
	_, addrErr := netip.ParseAddr(text)
	if prefixErr != nil && addrErr != nil {
		d.expected(n, what, "")
		return "", false
	}
	return text, true
}

// hosts reads the names that requests may come for, and puts them into lower case. An empty list is nil.
func (d *decoder) hosts(n *node) ([]string, bool) {
	names, ok := listOf(d, "[app.example.com]", d.host)(n)
	for i, name := range names {
		if first := slices.Index(names, name); ok && first < i {
			d.problem(n.children[i], "", "the host %s is listed twice", n.children[i].shown())
			return nil, false
		}
	}
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

// canonicalHost returns a host as it is compared, and whether it is one.
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

// hostHint guesses at the host in an origin, a URL, or a host with a port.
func hostHint(text string) string {
	if text == "*" {
		return "remove the key: without it, requests may come for any name"
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
