package config

import (
	"net/netip"
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
		{"health", shape(d.optionalAddress)},
		{"admin", shape(d.optionalAddress)},
		{"drain_timeout", into(&s.DrainTimeout, d.duration)},
		{"trusted_proxies", shape(listOf(d, `["10.0.0.0/8"]`, d.network))},
		{"limits", func(n *node) {
			d.fields(n, "server.limits", []field{
				{"streams", into(&s.Streams, d.atLeast(0))},
				{"streams_per_client", shape(d.atLeast(0))},
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
