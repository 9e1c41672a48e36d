// Package target reads the address in a gRPC target, as far as a person who wrote it can be told what is wrong with it.
package target

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// NoPort says what happens where a target names no port.
const NoPort = "the target names no port, and gRPC takes 443 then"

// LacksPort reports whether a target is a host without a port, for which gRPC takes port 443: a name or an IP address, as it is
// or after "dns:". Targets of other schemes, such as "unix:/run/market.sock", have no port to name.
func LacksPort(target string) bool {
	address, ok := addressIn(target)
	return ok && !hasPort(address)
}

// Check reports whether gRPC can read the host and the port in a target. Where it cannot, hint says what may be meant. A host
// without a port is in order: see [LacksPort].
func Check(target string) (hint string, ok bool) {
	address, isAddress := addressIn(target)
	prefix := strings.TrimSuffix(target, address)
	switch {
	case !isAddress:
		return "", true
	case address == "":
		return "a host is missing", false
	case prefix == "" && strings.HasPrefix(address, "//"):
		return didYouMean(strings.TrimLeft(address, "/")), false
	case prefix == "" && strings.HasPrefix(address, "/"):
		return didYouMean("unix:" + address), false
	case !hasPort(address):
		return "", true
	}
	colon := strings.LastIndexByte(address, ':')
	host, port := address[:colon], address[colon+1:]
	number, _, hasPath := strings.Cut(port, "/")
	switch {
	case isIPv6(host):
		return didYouMean(prefix + net.JoinHostPort(host, port)), false
	case strings.Contains(strings.Trim(host, "[]"), ":") && !isIPv6(strings.Trim(host, "[]")):
		return "an IPv6 address stands in brackets before its port, as in [::1]:50051", false
	case port == "":
		return "a port is missing behind the colon", false
	case strings.Trim(number, "0123456789") != "": // the name of a service, such as http
		return "", true
	case hasPath:
		return didYouMean(prefix + host + ":" + number), false
	}
	if n, err := strconv.ParseUint(number, 10, 16); n == 0 || err != nil {
		return "a port is a number from 1 to 65535", false
	}
	return "", true
}

func didYouMean(target string) string { return "did you mean `" + target + "`?" }

func isIPv6(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Is6()
}

// addressIn returns the host and the port, if it has one, that gRPC looks up by DNS. It reports false for targets of other
// schemes.
func addressIn(target string) (address string, ok bool) {
	if endpoint, isDNS := strings.CutPrefix(target, "dns:"); isDNS {
		if authority, found := strings.CutPrefix(endpoint, "//"); found {
			_, endpoint, _ = strings.Cut(authority, "/") // of the name server
		}
		return endpoint, true
	}
	for _, scheme := range []string{"unix:", "unix-abstract:", "passthrough:"} {
		if strings.HasPrefix(target, scheme) {
			return "", false
		}
	}
	return target, !strings.Contains(target, "://")
}

// hasPort reports whether anything in an address stands where a port would.
func hasPort(address string) bool {
	if _, err := netip.ParseAddr(address); err == nil {
		return false // with all of its colons
	}
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		return false
	}
	return strings.Contains(address, ":")
}
