package load

import (
	"context"
	"strconv"
	"time"
)

// Departure is a browser that has left.
type Departure struct {
	Topic string `json:"topic"` // what {n} in its path was
	At    int64  `json:"at"`    // just before its connection was closed, in Unix nanoseconds
}

// Leave closes all connections, one right after the other.
func (c *Crowd) Leave(ctx context.Context) ([]Departure, error) {
	var all []Departure
	err := c.do(ctx, func() {
		for _, b := range c.browsers {
			if b.state == gone || b.state == away {
				b.state = gone
				continue
			}
			all = append(all, Departure{Topic: strconv.Itoa(int(b.topic)), At: time.Now().UnixNano()})
			c.part(b)
		}
	})
	return all, err
}
