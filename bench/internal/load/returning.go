package load

import (
	"context"
	"time"
)

// sweepEvery is how often the browsers that come back are looked after.
const sweepEvery = 10 * time.Millisecond

// patience is how long epoll may wait, in milliseconds; -1 is for ever.
func (c *Crowd) patience() int {
	if !c.returning {
		return -1
	}
	return int(sweepEvery / time.Millisecond)
}

// sweep brings back those whose time has come, and lets those give up whose connections are silent.
func (c *Crowd) sweep(now time.Time) {
	if !c.returning || now.Sub(c.swept) < sweepEvery {
		return
	}
	c.swept = now
	at := now.UnixNano()
	for _, b := range c.browsers {
		switch {
		case b.back == nil || b.state == gone:
		case b.state == away:
			if at >= b.back.due {
				c.comeBack(b)
			}
		case b.back.Silence > 0 && at-b.back.heard > int64(b.back.Silence):
			c.lose(b, errSilent)
		}
	}
}

// comeBack opens the next connection of a browser.
func (c *Crowd) comeBack(b *browser) {
	b.begun, b.plain, b.chunks, b.blocks = nil, false, dechunker{}, blocks{}
	b.state, b.back.heard = connecting, time.Now().UnixNano()
	if err := c.connect(b); err != nil {
		c.lose(b, err)
	}
}

// sendAway is the end of a connection of a browser that comes back. It was in a state before.
func (c *Crowd) sendAway(b *browser, was browserState, reason error) {
	now := time.Now()
	b.back.heed(b.blocks.retry)
	if was == connecting || was == waiting {
		if b.back.refused(reason, now, &c.tally.life) {
			b.state = away
		}
		return
	}
	b.back.end(reason, b.chunks.done(), now, &c.tally.life)
	c.returns = append(c.returns, Return{Ended: now.UnixNano(), Due: b.back.due})
	b.state = away
}

// Move makes the browsers open their next connections to another address, as a load balancer would.
func (c *Crowd) Move(ctx context.Context, address string) error {
	server, err := socketAddress(address)
	if err != nil {
		return err
	}
	return c.do(ctx, func() { c.server, c.host = server, address })
}

// Returns says of each stream that has ended when its browser was told to come back, since the last call.
func (c *Crowd) Returns(ctx context.Context) (all []Return, err error) {
	err = c.do(ctx, func() { all, c.returns = c.returns, nil })
	return all, err
}

// Behind returns how many of the browsers that come back have not got the event with a number, nor a later one.
func (c *Crowd) Behind(ctx context.Context, number uint64) (n int, err error) {
	err = c.do(ctx, func() {
		for _, b := range c.browsers {
			if b.back != nil && b.ledger.next <= number {
				n++
			}
		}
	})
	return n, err
}
