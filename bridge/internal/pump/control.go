package pump

import (
	"sync"
	"time"
)

// Control acts on the stream of one subscriber from outside the pump. Its methods may be called concurrently, also before the
// stream is served and after it is over, and they never wait. The zero Control is ready for use. One Control is for one stream.
type Control struct {
	// Began is when the request of the client arrived. It is set before the stream is served, or never.
	Began time.Time

	mu sync.Mutex
	// tell tells the pump that there are orders, with the time within which the stream must end. It is nil while no pump
	// serves the stream.
	tell   func(within time.Duration)
	orders *orders // nil where there are none, as for most streams
}

// orders are what a pump was ordered to do and has not done yet.
type orders struct {
	end   *End      // nil is none
	at    time.Time // when the stream ends with end
	words []byte    // blocks that were not written yet
}

// overAndDone takes the place of the orders for a stream that is over: nothing is written any more.
var overAndDone = new(orders)

// maxWords bounds the blocks that wait to be written. A block that does not fit is left out.
const maxWords = 4 << 10

// EndAt ends the stream with e at the time at, unless it ends earlier. Of several calls, the earliest time counts. Where the
// stream has a reconnection time to tell, it suits what the client lacks, as at the maximum age.
func (c *Control) EndAt(at time.Time, e *End) {
	c.order(func(o *orders) bool {
		if o.end != nil && !at.Before(o.at) {
			return false
		}
		o.end, o.at = e, at
		return true
	})
}

// Say writes a plain block between two events. A format without comments and final events has no place for it, and where the
// client takes nothing, the block waits. It is left out where the stream ends before that, and where many such blocks wait.
func (c *Control) Say(block []byte) {
	c.order(func(o *orders) bool {
		if len(o.words)+len(block) > maxWords {
			return false
		}
		o.words = append(o.words, block...)
		return true
	})
}

// order changes the orders, and tells the pump where change reports that something has changed.
func (c *Control) order(change func(o *orders) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders == overAndDone {
		return
	}
	if c.orders == nil {
		c.orders = new(orders)
	}
	if change(c.orders) && c.tell != nil {
		c.tell(c.orders.within())
	}
}

// within returns the time within which the stream must end, or never.
func (o *orders) within() time.Duration {
	if o.end == nil {
		return never
	}
	return max(0, time.Until(o.at))
}

// attach has tell called for each order, and at once where there are orders already. c may be nil.
func (c *Control) attach(tell func(within time.Duration)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tell = tell; c.orders != nil {
		tell(c.orders.within())
	}
}

// detach forgets all orders, and ignores further ones. c may be nil.
func (c *Control) detach() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell, c.orders = nil, overAndDone
}

// ordered returns the end that was ordered and its time, nil where none was.
func (c *Control) ordered() (e *End, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders == nil {
		return nil, time.Time{}
	}
	return c.orders.end, c.orders.at
}

// spoken appends the blocks that wait to dst.
func (c *Control) spoken(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders == nil {
		return dst
	}
	return append(dst, c.orders.words...)
}

// wrote forgets the first n bytes of the blocks, and reports whether more blocks wait.
func (c *Control) wrote(n int) (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.orders
	if o == nil || n >= len(o.words) {
		if o != nil && o != overAndDone {
			o.words = nil
		}
		return false
	}
	o.words = o.words[n:]
	return true
}
