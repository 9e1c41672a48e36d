package request

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies in front of the bridge. What a proxy says about its client is believed only where the
// connection comes from one of these networks: any client can send the same headers.
type Proxies struct{ networks []netip.Prefix }

// NewProxies reads the entries of `server.trusted_proxies`. An entry is an address, or a range of addresses such as 10.0.0.0/8.
// It leaves out any other entry.
func NewProxies(listed []string) Proxies {
	var p Proxies
	for _, entry := range listed {
		network, err := netip.ParsePrefix(entry)
		if err != nil {
			address, err := netip.ParseAddr(entry)
			if err != nil {
				continue
			}
			network = netip.PrefixFrom(address.WithZone(""), address.BitLen())
		}
		p.networks = append(p.networks, plainNetwork(network))
	}
	return p
}

// plainNetwork returns a range of IPv4 addresses for one that is written as IPv6 (::ffff:10.0.0.0/104).
func plainNetwork(n netip.Prefix) netip.Prefix {
	const mapped = 96 // the bits of ::ffff:0:0/96, in which IPv4 addresses stand
	if n.Addr().Is4In6() && n.Bits() >= mapped {
		return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-mapped)
	}
	return n
}

// trusts reports whether an address is that of a trusted proxy.
func (p Proxies) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(p.networks, func(network netip.Prefix) bool { return network.Contains(address) })
}

// forwarded is what is known of the client behind the proxies.
type forwarded struct {
	client netip.Addr // the zero Addr where the connection has none, as one over a Unix socket
	host   string     // as in the header Host
	scheme string     // "http", "https", or "" where a proxy that is not trusted may have taken TLS away
	byHost string     // the header that host comes from
}

// origin returns what is known of the client that has sent a request. Each proxy appends to the headers what the proxy saw, so
// they are read from the right: as far as the addresses are those of trusted proxies, the entry in front of them is believed.
func (p Proxies) origin(r *http.Request) forwarded {
	f := forwarded{host: r.Host, byHost: "Host"}
	if r.TLS != nil {
		f.scheme = schemeHTTPS
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return f
	}
	f.client = plain(peer.Addr())
	hops := 0
	if len(p.networks) > 0 {
		f.client, hops = p.behind(f.client, r.Header["X-Forwarded-For"])
	}
	if hops == 0 {
		return f
	}
	if host, ok := fromRight(r.Header[forwardedHost], hops); ok {
		f.host, f.byHost = host, forwardedHost
	}
	if proto, ok := fromRight(r.Header["X-Forwarded-Proto"], hops); ok {
		switch proto = strings.ToLower(proto); proto {
		case schemeHTTP, schemeHTTPS:
			f.scheme = proto
		}
	}
	return f
}

const (
	schemeHTTP    = "http"
	schemeHTTPS   = "https"
	forwardedHost = "X-Forwarded-Host"
)

// behind returns the client behind the proxies, and how many trusted proxies are in between. An entry that is no address ends
// the way: the proxy that wrote the entry counts as the client then.
func (p Proxies) behind(peer netip.Addr, header []string) (client netip.Addr, hops int) {
	client = peer
	for entry := range entriesFromRight(header) {
		if !p.trusts(client) {
			return client, hops
		}
		hops++
		address, ok := forwardedAddress(entry)
		if !ok {
			return client, hops
		}
		client = address
	}
	if hops == 0 && p.trusts(client) {
		hops = 1 // a trusted proxy that says only what the client asked for
	}
	return client, hops
}

// fromRight returns the entry of a header that the outermost of so many proxies wrote. Not every proxy appends, so a shorter
// list has that entry at its left end.
func fromRight(header []string, hops int) (entry string, ok bool) {
	for e := range entriesFromRight(header) {
		entry, ok = e, true
		if hops--; hops == 0 {
			break
		}
	}
	return entry, ok
}

// entriesFromRight visits the entries of a list in a header, the last one first. Several lines of the header are one list (RFC
// 9110, 5.3), and empty entries do not count (5.6.1).
func entriesFromRight(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				entry := line
				comma := strings.LastIndexByte(line, ',')
				if more = comma >= 0; more {
					entry, line = line[comma+1:], line[:comma]
				}
				if entry = strings.Trim(entry, " \t"); entry != "" && !yield(entry) {
					return
				}
			}
		}
	}
}

// forwardedAddress reads an entry of X-Forwarded-For: an address, which may have a port. IPv6 may stand in brackets.
func forwardedAddress(entry string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(entry); err == nil {
		return plain(address), true
	}
	if at, err := netip.ParseAddrPort(entry); err == nil {
		return plain(at.Addr()), true
	}
	inside, opens := strings.CutPrefix(entry, "[")
	inside, closes := strings.CutSuffix(inside, "]")
	address, err := netip.ParseAddr(inside)
	if !opens || !closes || err != nil || !address.Is6() {
		return netip.Addr{}, false
	}
	return plain(address), true
}

// plain returns an address without its zone. An IPv4 address that is written as IPv6 becomes IPv4.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
