package pump

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
)

// Carrier is a connection that can be parked. It knows which bounds [Tune] has set on it, and it can carry TLS: a [crypto/tls.Conn]
// keeps the connection that it was made with. So the Carrier stands between the two: until the connection is parked it passes
// everything on, and afterwards the records of TLS go to the loop in place of the connection. It may be used as its connection may.
type Carrier struct {
	net.Conn

	tuning sync.Mutex
	has    bounds // what the kernel has for the connection; guarded by tuning

	parked sealed // the socket of the parked connection. Each write needs both, so they lie together: that is cheaper to read
}

// CarrierOf returns the carrier of a TLS connection, or nil where another connection carries it.
func CarrierOf(secured *tls.Conn) *Carrier {
	c, _ := secured.NetConn().(*Carrier)
	return c
}

// NetConn returns the connection that the Carrier stands for.
func (c *Carrier) NetConn() net.Conn { return c.Conn }

// CloseWrite tells the client that nothing follows, where the connection can do that.
func (c *Carrier) CloseWrite() error {
	conn, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return conn.CloseWrite()
}

// Carrying returns a listener of the connections of l, each in a [Carrier].
func Carrying(l net.Listener) net.Listener { return &carrying{l, inherited(l)} }

type carrying struct {
	net.Listener

	inherited bounds // what the connections have from the beginning
}

func (c *carrying) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Carrier{Conn: conn, has: c.inherited}, nil
}
