package config

import (
	"net"
	"net/netip"
	"strings"
)

// networks reads the networks of `server.trusted_proxies`. An empty list is nil.
func (d *decoder) networks(n *node) ([]string, bool) {
	networks, ok := d.eachOnce("network", listOf(d, `["10.0.0.0/8"]`, d.network))(n)
	if len(networks) == 0 {
		networks = nil
	}
	return networks, ok
}

// network reads a range of addresses, or one address. It writes both in one form.
func (d *decoder) network(n *node) (string, bool) {
	const what = "an address or a range of addresses, such as 10.1.2.3 or 10.0.0.0/8"
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	if network, err := netip.ParsePrefix(text); err == nil {
		if network.Bits() == 0 {
			d.warn(n, "list the addresses of your proxies", "the network %s is every address: any client can then say that it is another one", n.shown())
		}
		return network.Masked().String(), true
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return address.Unmap().String(), true
	}
	d.expected(n, what, networkHint(text))
	return "", false
}

// networkHint returns a hint for an address with a port, or with what else does not belong to an address, or "".
func networkHint(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return ""
	}
	return "did you mean `" + address.WithZone("").String() + "`?"
}
