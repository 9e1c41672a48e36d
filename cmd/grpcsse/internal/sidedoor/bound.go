package sidedoor

import (
	"container/list"
	"net"
	"sync"
)

// bounded is a listener that has a bounded number of connections. For each further one it closes the oldest. So
// connections that do nothing keep no probe out: a probe is answered long before its connection is the oldest.
type bounded struct {
	net.Listener

	most int

	mu   sync.Mutex
	open list.List // of *connection, the oldest first
}

func bound(l net.Listener, most int) net.Listener { return &bounded{Listener: l, most: most} }

// Accept implements [net.Listener].
func (b *bounded) Accept() (net.Conn, error) {
	accepted, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted, of: b}
	if oldest := b.add(c); oldest != nil {
		_ = oldest.Close() // the client has gone already, or learns it now
	}
	return c, nil
}

// add adds a connection, and returns the one that must be closed for it, or nil.
func (b *bounded) add(c *connection) (oldest *connection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.place = b.open.PushBack(c)
	if b.open.Len() > b.most {
		oldest, _ = b.open.Front().Value.(*connection)
	}
	return oldest
}

// connection is a connection that counts until it is closed.
type connection struct {
	net.Conn

	of    *bounded
	place *list.Element
	once  sync.Once
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	c.once.Do(func() {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.of.open.Remove(c.place)
	})
	return c.Conn.Close()
}
