package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Admin is the section `server.admin`: the listener for administrators.
type Admin struct {
	// Listen is the address. Without a TokenFile it is one of loopback, which no other machine can reach.
	Listen string
	// TokenFile is the path of a file with a token that each request must present, or "" for none. The file is read again when it
	// changes. A relative path in a configuration file starts at that file.
	TokenFile string
}

// adminText describes the value of `server.admin` for messages.
const adminText = `a mapping such as {listen: "127.0.0.1:9091"}, or ` + "`off`"

// admin is the field of the section. `off` counts as left out.
func (d *decoder) admin(s *Server) field {
	return optional(d, "server.admin",
		"The listener for administrators: routes, streams, configuration, reload, profiles. Left out or off, there is none.",
		`{listen: "127.0.0.1:9091"}`, &s.Admin, func() *Admin { return &Admin{} }, d.adminKeys).
		or(wordForm(off)).reading(func(n *node) { s.Admin = d.readAdmin(n) })
}

func (d *decoder) adminKeys(a *Admin) []field {
	return []field{
		key("listen", "The address. Beyond loopback it needs a token_file.", &a.Listen, words(d.address).as(addressForm)).needed(),
		key("token_file", "The path of a file with the token that requests must present.", &a.TokenFile, words(d.tokenFile)),
	}
}

func (d *decoder) readAdmin(n *node) *Admin {
	if n.kind != mapping {
		switch {
		case !d.isScalar(n, adminText), isWord(n, off):
		default:
			d.expected(n, adminText, adminHint(n.text()))
		}
		return nil
	}
	a := &Admin{}
	d.fields(n, "server.admin", d.adminKeys(a))
	d.missing(n, "listen", "an address to listen on such as 127.0.0.1:9091")
	if n.child("token_file") == nil && a.Listen != "" && !isLoopbackAddress(a.Listen) {
		d.add(n.child("listen").pos.problem(n.path,
			"`token_file` is missing: expected the path of a file with a token, since other machines can reach the address",
			"without a token, listen on loopback only, such as 127.0.0.1:9091"))
	}
	return a
}

// adminHint returns a hint for text that was written instead of a mapping, or "".
func adminHint(text string) string {
	if _, port, err := net.SplitHostPort(text); err == nil && isDigits(port) {
		return `did you mean {listen: "` + text + `"}?`
	}
	return wordHint(text, off)
}

// leastToken is the length below which there is a warning that a token may be guessed.
const leastToken = 16

// tokenFile reads the path of a file with a token. The token must be there, and be of the characters that the header
// Authorization has room for. No problem shows any of it.
func (d *decoder) tokenFile(n *node) (string, bool) {
	token, ok := d.secretFile(n)
	switch {
	case !ok:
		return "", false
	case strings.ContainsAny(token, " "):
		d.problem(n, "", "expected a token without blanks in the file %s, found some", n.shown())
		return "", false
	case len(token) < leastToken:
		d.warn(n, "make one with `openssl rand -hex 32`",
			"the token in the file %s is short, and may be guessed: expected at least %d characters", n.shown(), leastToken)
	}
	return d.path(n)
}

// isLoopbackAddress reports whether only this machine can reach a listener at an address.
func isLoopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// listener is one of the addresses that the program listens on.
type listener struct{ key, address string }

func (s *Server) listeners() []listener {
	all := []listener{{"listen", s.Listen}, {"health", s.Health}}
	if s.Admin != nil {
		all = append(all, listener{"admin.listen", s.Admin.Listen})
	}
	return all
}

// clashes calls report for each pair of listeners that cannot both be opened.
func (s *Server) clashes(report func(first, second listener)) {
	all := s.listeners()
	for i, second := range all {
		for _, first := range all[:i] {
			if sameAddress(first.address, second.address) {
				report(first, second)
			}
		}
	}
}

// sameAddress reports whether a listener at one of two addresses takes the place of one at the other. An address without a host
// stands for all hosts. The system chooses a free port for the port 0.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	portA, portB = strings.TrimLeft(portA, "0"), strings.TrimLeft(portB, "0")
	if errA != nil || errB != nil || portA != portB || portA == "" {
		return false
	}
	ipA, allA := listenHost(hostA)
	ipB, allB := listenHost(hostB)
	return allA || allB || ipA == ipB
}

// listenHost returns the host of an address in a form for comparison, and whether it stands for all hosts.
func listenHost(host string) (canonical string, all bool) {
	host = strings.ToLower(host)
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "":
		return "", true
	case host == "localhost":
		return "127.0.0.1", false
	case err != nil:
		return host, false
	}
	return ip.Unmap().String(), ip.IsUnspecified()
}

// checkListeners refuses addresses that contradict each other. The problem is that of the later key, since the public address may
// be the default.
func (d *decoder) checkListeners(root *node, s *Server) {
	s.clashes(func(first, second listener) {
		if n, whole := root.find("server." + second.key); whole && n.kind == scalar {
			d.problem(n, "give each of the two a port of its own", "%s takes the address of `server.%s`, which is %s",
				n.found(), first.key, d.shownAddress(root, first))
		}
	})
}

// shownAddress returns the address of a listener for a message. What the environment gave is not shown.
func (d *decoder) shownAddress(root *node, of listener) string {
	if n, whole := root.find("server." + of.key); whole && n.secret {
		return n.found()
	}
	return quote(of.address)
}

// Validate returns the problems of the addresses after Go code has changed them: two of them on which nothing can listen at the
// same time, and an Admin beyond loopback without a TokenFile. It reads no files.
func (s *Server) Validate() Problems {
	var problems Problems
	s.clashes(func(first, second listener) {
		problems = append(problems, &Problem{Path: "server." + second.key, Message: fmt.Sprintf(
			"%s takes the address of `server.%s`, which is %s", quote(second.address), first.key, quote(first.address)),
			Hint: "give each of the two a port of its own"})
	})
	if s.Admin != nil && s.Admin.TokenFile == "" && !isLoopbackAddress(s.Admin.Listen) {
		problems = append(problems, &Problem{Path: "server.admin",
			Message: "expected a TokenFile, since other machines can reach the address " + quote(s.Admin.Listen)})
	}
	return problems
}
