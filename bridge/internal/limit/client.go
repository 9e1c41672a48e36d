package limit

import "net/netip"

// ipv6Bits is how many bits of an IPv6 address count. A site gets a network of 64 bits, and each machine in it has as many
// addresses as it wants.
const ipv6Bits = 64

// Client returns what the limits take for one client: the IPv4 address, or the first 64 bits of the IPv6 address. An IPv4 address
// that is written as IPv6 counts as IPv4. For an address that is not valid, Client returns the zero Addr.
func Client(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address
	}
	network, err := address.Prefix(ipv6Bits)
	if err != nil { // every IPv6 address has a network of 64 bits
		return address
	}
	return network.Addr()
}
