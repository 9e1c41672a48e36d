package request

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the hosts that requests may name. An empty list allows every host.
//
// The list protects a bridge that listens on loopback only. Without it a page of the internet can reach that bridge: the
// page's own host name is made to resolve to 127.0.0.1 (DNS rebinding), and the browser then takes the bridge for the page's
// own origin.
type Hosts struct {
	names    map[string]struct{} // as canonicalHost returns them
	suffixes []string            // ".example.com" for *.example.com
	ranges   []netip.Prefix
}

// NewHosts reads the entries of `server.hosts`. An entry is a name, a name behind the wildcard "*.", an address, or a range of
// addresses such as 127.0.0.0/8.
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

// Serves reports whether requests are answered whose header Host is host.
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

// Refusal says of a host that is not served, for the person who opened it, what can be done. It names no entry of the list: the
// names in it may be internal ones.
func (h Hosts) Refusal(host string) string {
	what := "the bridge does not serve the host " + Quote(host)
	if host == "" {
		what = "the bridge does not serve requests that name no host"
	}
	if h.onlyLoopback() {
		return what + ": it serves this machine's own names only, such as localhost and 127.0.0.1; `server.hosts` in a configuration " +
			"file lists others; without a file, --listen with another address than one of loopback serves any"
	}
	return what + ": `server.hosts` lists those that it does"
}

// onlyLoopback reports whether the list has names of loopback only, as the program gives them to a bridge that has no file.
func (h Hosts) onlyLoopback() bool {
	for name := range h.names {
		if address, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !address.IsLoopback()) {
			return false
		}
	}
	return !slices.ContainsFunc(h.suffixes, func(suffix string) bool { return suffix != ".localhost" }) &&
		!slices.ContainsFunc(h.ranges, func(network netip.Prefix) bool { return !network.Addr().IsLoopback() })
}

// canonicalHost returns a host in the form in which hosts are compared: in lower case, without a port, without the brackets
// of an IPv6 address, and without the dot at the end of an absolute name.
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
