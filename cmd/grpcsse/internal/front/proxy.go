package front

import (
	"net"
	"time"

	"github.com/pires/go-proxyproto"
)

// proxied is the TCP connection below a PROXY protocol header. It knows whether the other side has sent anything.
type proxied struct {
	net.Conn

	heard bool // used only by the goroutine that reads the header
}

func (p *proxied) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.heard = p.heard || n > 0
	return n, err
}

// behindProxy is what follows the PROXY protocol header on a connection. Its remote address is the one that the header names.
// Where the header is missing, wrong or late, each Read fails.
type behindProxy struct {
	*proxyproto.Conn

	below *proxied
	wrong func(error) // told of the first error of the header, unless the other side has closed without a word
}

func newBehindProxy(tcp net.Conn, timeout time.Duration, wrong func(error)) *behindProxy {
	below := &proxied{Conn: tcp}
	return &behindProxy{
		Conn:  proxyproto.NewConn(below, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(timeout)),
		below: below, wrong: wrong,
	}
}

// Read implements [net.Conn].
func (b *behindProxy) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err == nil || b.wrong == nil || b.Conn.ProxyHeader() != nil {
		return n, err
	}
	if b.below.heard {
		b.wrong(err)
	}
	b.wrong = nil
	return n, err
}
