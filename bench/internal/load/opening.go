package load

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Order is who shall come.
type Order struct {
	Browsers int `json:"browsers"`
	// Path is what each asks for; {n} in it is a number that no other browser has.
	Path string `json:"path"`
	// Stall has them read nothing but the response's headers, with as small a buffer as the kernel allows.
	Stall bool `json:"stall"`
	// Kinds is how many kinds of events there are, of which a server may leave out all but the newest; 0 is that it may leave out none.
	Kinds uint64 `json:"kinds,omitempty"`
	// Back makes EventSources of them, which come back; nil is a single connection for each.
	Back *Back `json:"back,omitempty"`
}

// Opened is how an order went.
type Opened struct {
	Browsers int `json:"browsers"` // have got the response's headers
	Failed   int `json:"failed"`
	// Problem is why the first one of those failed.
	Problem string `json:"problem"`
}

// atOnce is how many connections wait for their response at the same time: fewer than a listener's backlog takes, since a
// connection that is dropped there is tried again after a second.
const atOnce = 128

// opening is an order that is being carried out.
type opening struct {
	order  Order
	opened Opened
	asked  int // who have begun to connect
	done   chan struct{}
}

// Open opens the connections of an order, and returns when each has its response's headers or has failed. Orders are
// carried out one after the other: the caller waits for one before it gives the next. It returns an error where ctx
// ends before.
func (c *Crowd) Open(ctx context.Context, order Order) (Opened, error) {
	if order.Browsers <= 0 {
		return Opened{}, errors.New("an order is for at least one browser")
	}
	done := make(chan struct{})
	err := c.do(ctx, func() {
		c.opening = opening{order: order, done: done}
		c.openMore()
	})
	if err != nil {
		return Opened{}, err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return Opened{}, ctx.Err()
	}
	var opened Opened
	err = c.do(ctx, func() { opened = c.opening.opened })
	return opened, err
}

// openMore begins connections until enough are being opened.
func (c *Crowd) openMore() {
	o := &c.opening
	for o.asked < o.order.Browsers && o.asked-o.opened.Browsers-o.opened.Failed < atOnce {
		b := &browser{place: int32(len(c.browsers)), topic: int32(len(c.browsers)), fd: -1, stall: o.order.Stall}
		b.ledger.kinds = o.order.Kinds
		if o.order.Back != nil {
			b.back = &comeback{Back: *o.order.Back, path: o.path(b.topic), heard: time.Now().UnixNano()}
			c.returning = true
		}
		c.browsers = append(c.browsers, b)
		o.asked++
		if err := c.connect(b); err != nil {
			c.part(b)
			o.answered(err)
		}
	}
	if o.done != nil && o.opened.Browsers+o.opened.Failed == o.order.Browsers {
		close(o.done)
		o.done = nil
	}
}

// answered counts one browser that has its response, or has failed.
func (o *opening) answered(err error) {
	if err == nil {
		o.opened.Browsers++
		return
	}
	if o.opened.Failed++; o.opened.Problem == "" {
		o.opened.Problem = err.Error()
	}
}

// path is what a browser with this number asks for.
func (o *opening) path(number int32) string {
	return strings.ReplaceAll(o.order.Path, "{n}", strconv.Itoa(int(number)))
}

// request is what a browser sends.
func (c *Crowd) request(b *browser) ([]byte, error) {
	if b.back == nil {
		return requestTo(c.host, c.opening.path(b.topic), nil), nil
	}
	headers, err := b.back.begin(time.Now())
	if err != nil {
		return nil, err
	}
	return requestTo(c.host, b.back.path, headers), nil
}
