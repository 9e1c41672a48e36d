package request

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the hosts that requests may be for; none stands for any. Without them a page can reach a bridge that only listens on
// loopback: it makes its own name resolve to that address (DNS rebinding), and is then of the same origin.
type Hosts struct {
	names    map[string]struct{} // as canonicalHost returns them
	suffixes []string            // ".example.com" for *.example.com
	ranges   []netip.Prefix
}

// NewHosts reads the entries of `server.hosts`: names, names with the wildcard "*." in front, addresses, and ranges of addresses.
func NewHosts(listed []string) Hosts {
	h := Hosts{names: make(map[string]struct{}, len(listed))}
	for _, host := range listed {
		suffix, pattern := strings.CutPrefix(host, "*.")
		network, err := netip.ParsePrefix(host)
		switch {
		case pattern:
			h.suffixes = append(h.suffixes, "."+canonicalHost(suffix))
		case err == nil:
			h.ranges = append(h.ranges, network)
		default:
			h.names[canonicalHost(host)] = struct{}{}
		}
	}
	return h
}

// Serves reports whether requests for a host are answered, as the header Host names it.
func (h Hosts) Serves(host string) bool {
	if len(h.names)+len(h.suffixes)+len(h.ranges) == 0 {
		return true
	}
	host = canonicalHost(host)
	if _, listed := h.names[host]; listed {
		return true
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(h.ranges, func(network netip.Prefix) bool { return network.Contains(address) })
	}
	return slices.ContainsFunc(h.suffixes, func(suffix string) bool {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	})
}

// canonicalHost returns the one form of a host in which it is compared: in lower case, without a port, the brackets of an IPv6
// address, or the dot at the end of an absolute name.
func canonicalHost(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && strings.Trim(port, "0123456789") == "" {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String() // an IPv6 address has many spellings
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
