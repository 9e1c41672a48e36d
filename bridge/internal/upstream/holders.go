package upstream

import "sync"

// holders counts the calls of Hold without a Release.
type holders struct {
	mu     sync.Mutex
	count  int
	closed bool // no stream can hold the connections any more
}

// Hold keeps the connections open until [Client.Release] is called. It reports false where they are closed already. The caller
// of [Dial] holds them from the start.
func (c *Client) Hold() bool {
	h := &c.holders
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.count++
	return true
}

// Release ends a Hold. The last Release closes the connections.
func (c *Client) Release() {
	h := &c.holders
	h.mu.Lock()
	h.count--
	last := h.count == 0 && !h.closed
	h.closed = h.closed || last
	h.mu.Unlock()
	if last {
		_ = c.pool.close() // the connections have no streams, and there is nothing to do about an error
	}
}
