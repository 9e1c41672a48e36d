package upstream

import (
	"context"
	"errors"
	"time"
)

// unqueued is the key of a context's value that [WithoutQueue] sets.
type unqueued struct{}

// WithoutQueue returns a context for a stream that must not wait for a slot. Where every connection has as many streams as the
// server allows and no connection may be added, or where other streams wait already, [Client.Open] fails with a [*NoSlotError].
// It fails at once where the limit of the server is known, and otherwise as soon as it has found the connections full. It still
// waits while a connection is being made.
func WithoutQueue(ctx context.Context) context.Context {
	return context.WithValue(ctx, unqueued{}, true)
}

func queues(ctx context.Context) bool { return ctx.Value(unqueued{}) == nil }

// openUnqueued opens a stream on a connection that has a slot now, or on one that is added. Each attempt without success shows
// that one connection more is full or unreachable, so there are not more attempts than there may be connections.
func (c *Client) openUnqueued(ctx context.Context, method string, request []byte) (*Stream, error) {
	began := time.Now()
	for range c.pool.most {
		at, free := c.pool.takeOrGrow()
		if !free {
			break
		}
		stream, err := c.open(ctx, at, method, request)
		if !errors.Is(err, errElsewhere) {
			return stream, err
		}
	}
	return nil, &NoSlotError{Waited: time.Since(began), Load: c.pool.load()}
}

// takeOrGrow returns a place for a stream that must not wait. It adds a connection where all are full, and reports false where
// none may be added.
func (p *pool) takeOrGrow() (place, bool) {
	return p.takeFrom(func(p *pool) *connection {
		if c := p.room(); c != nil {
			return c
		}
		return p.grow()
	})
}
