package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Header is the header that each request with an effect must have, with the value 1. A form of a page cannot send it, and
// a script of another origin only after a preflight, which is refused.
const Header = "X-Grpcsse-Admin"

// guard decides which requests are answered.
type guard struct {
	hosts hosts
	token *token // nil where no token is needed
	tries *tries
	// open reports whether a path needs no token. It may be nil.
	open func(path string) bool
}

func newGuard(listen, hostname string, log *slog.Logger) *guard {
	return &guard{hosts: newHosts(listen, hostname), tries: newTries(log, time.Now)}
}

// check returns why a request is refused, or nil. What a page of another origin may have sent is refused before the token
// is looked at, so that no page can use up the tries of the operator.
func (g *guard) check(r *http.Request) *refusal {
	switch {
	case !g.hosts.serve(r.Host):
		return refuse(http.StatusMisdirectedRequest, "the listener does not serve the host that the request names: "+
			"expected a name of loopback, or the host in `server.admin.listen`")
	case foreign(r):
		return refuse(http.StatusForbidden, "the request comes from a page of another origin")
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && g.open != nil && g.open(r.URL.Path) {
		return nil
	}
	if refused := g.authenticate(r); refused != nil {
		return refused
	}
	if !reads && (len(r.Header.Values(Header)) != 1 || r.Header.Get(Header) != "1") {
		return refuse(http.StatusForbidden, "expected the header "+Header+": 1, which no form of a page can send")
	}
	return nil
}

// foreign reports whether a page of another origin may have sent the request. A browser says so in Sec-Fetch-Site, and in
// Origin.
func foreign(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	origins := r.Header.Values("Origin")
	return len(origins) > 1 || len(origins) == 1 && origins[0] != "http://"+r.Host
}

// authenticate checks the token, where one is needed. It does not compare the token of a client that has failed too often,
// so that a token cannot be guessed. A request without a token is no try.
func (g *guard) authenticate(r *http.Request) *refusal {
	if g.token == nil {
		return nil
	}
	presented := r.Header.Values("Authorization")
	if len(presented) == 0 {
		return unauthorized("expected the header Authorization: Bearer, with the token in `server.admin.token_file`")
	}
	client := clientOf(r)
	if !g.tries.left(client) {
		refused := refuse(http.StatusTooManyRequests, "too many requests with a wrong token came from this address")
		refused.header = [2]string{"Retry-After", "10"}
		return refused
	}
	scheme, token, _ := strings.Cut(presented[0], " ")
	if len(presented) == 1 && strings.EqualFold(scheme, "bearer") && g.token.is(strings.TrimSpace(token)) {
		return nil
	}
	g.tries.failed(client)
	return unauthorized("the header Authorization does not have the token in `server.admin.token_file`")
}

// clientOf returns the network of the client, as far as one client has it for itself: an IPv4 address, or the first half
// of an IPv6 address.
func clientOf(r *http.Request) netip.Prefix {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr := at.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// hosts are the hosts that requests may name. A page can make a name of its own resolve to this machine, and its requests
// then count as those of its own origin (DNS rebinding). It cannot do so with an address, or with a name that is not its
// own.
type hosts struct {
	own      string // the host in `server.admin.listen`; "" for all addresses of the machine
	hostname string // the name of the machine, "" where it is unknown
}

func newHosts(listen, hostname string) hosts {
	own := canonicalHost(listen)
	addr, err := netip.ParseAddr(own)
	if err == nil && addr.IsUnspecified() {
		own = ""
	}
	return hosts{own: own, hostname: strings.ToLower(hostname)}
}

func (h hosts) serve(host string) bool {
	host = canonicalHost(host)
	_, err := netip.ParseAddr(host)
	switch {
	case host == "":
		return false
	case isLoopback(host):
		return true
	case h.own != "":
		return host == h.own
	}
	return err == nil || host == h.hostname
}

// isLoopback reports whether a host is a name that only this machine can have.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// canonicalHost returns a host in lower case, without a port, brackets and the dot at the end of an absolute name.
func canonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// refusal is the answer to a request that is refused.
type refusal struct {
	status  int
	message string
	header  [2]string // a name and a value; the name is "" for none
}

func refuse(status int, message string) *refusal { return &refusal{status: status, message: message} }

func unauthorized(message string) *refusal {
	return &refusal{http.StatusUnauthorized, message, [2]string{"WWW-Authenticate", `Bearer realm="grpcsse admin"`}}
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.header[0] != "" {
		w.Header().Set(r.header[0], r.header[1])
	}
	fail(w, r.status, r.message)
}
