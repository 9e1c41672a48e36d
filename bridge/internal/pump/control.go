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
	end    *End      // the end that was ordered; nil is none
	at     time.Time // when the stream ends with end
	words  []byte    // blocks that were ordered and not written yet
	silent bool      // nothing is written any more
}

// maxWords bounds the blocks that wait to be written. A block that does not fit is left out.
const maxWords = 4 << 10

// EndAt ends the stream with e at the time at, unless it ends earlier. Of several calls, the earliest time counts. Where the
// stream has a reconnection time to tell, it suits what the client lacks, as at the maximum age.
func (c *Control) EndAt(at time.Time, e *End) {
	c.order(func() bool {
		if c.end != nil && !at.Before(c.at) {
			return false
		}
		c.end, c.at = e, at
		return true
	})
}

// Say writes a plain block between two events. A format without comments and final events has no place for it, and where the
// client takes nothing, the block waits. It is left out where the stream ends before that, and where many such blocks wait.
func (c *Control) Say(block []byte) {
	c.order(func() bool {
		if len(c.words)+len(block) > maxWords {
			return false
		}
		c.words = append(c.words, block...)
		return true
	})
}

// order changes the orders, and tells the pump where change reports that something has changed.
func (c *Control) order(change func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.silent && change() && c.tell != nil {
		c.tell(c.within())
	}
}

// within returns the time within which the stream must end, or never. The caller holds c.mu.
func (c *Control) within() time.Duration {
	if c.end == nil {
		return never
	}
	return max(0, time.Until(c.at))
}

// attach has tell called for each order, and at once where there are orders already. c may be nil.
func (c *Control) attach(tell func(within time.Duration)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tell = tell; c.end != nil || len(c.words) > 0 {
		tell(c.within())
	}
}

// detach forgets all orders, and ignores further ones. c may be nil.
func (c *Control) detach() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell, c.end, c.words, c.silent = nil, nil, nil, true
}

// ordered returns the end that was ordered and its time, nil where none was.
func (c *Control) ordered() (e *End, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end, c.at
}

// spoken appends the blocks that wait to dst.
func (c *Control) spoken(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(dst, c.words...)
}

// wrote forgets the first n bytes of the blocks, and reports whether more blocks wait.
func (c *Control) wrote(n int) (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words = c.words[min(n, len(c.words)):]; len(c.words) == 0 {
		c.words = nil
	}
	return c.words != nil
}
