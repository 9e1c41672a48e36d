package membus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// Publish implements [cluster.Bus].
func (b *Bus) Publish(subject string, data []byte) error {
	if len(data) > b.payload {
		return fmt.Errorf("membus: expected a message of at most %d bytes, found %d on %s", b.payload, len(data), subject)
	}
	b.send(subject, data, nil)
	return nil
}

// send brings a message to all other replicas that are subscribed, and returns how many there are.
func (b *Bus) send(subject string, data []byte, reply func(from *Bus, data []byte) error) (subscribed int, cut bool) {
	h := b.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	word, _, _ := strings.Cut(subject, ".")
	b.sent[word]++
	if h.tap != nil {
		h.tap(subject, data)
	}
	for _, to := range h.buses {
		if to == b {
			continue
		}
		for _, sub := range to.subs[subject] {
			subscribed++
			d := &cluster.Delivery{Subject: subject, Data: bytes.Clone(data)}
			if reply != nil {
				d.Reply = func(data []byte) error { return reply(to, data) }
			}
			h.bring(b, to, arrival{sub: sub, delivery: d})
		}
	}
	return subscribed, b.cutOut || b.cutIn || b.dead
}

// bring has a message arrive, unless it is lost. The lock is held.
func (h *Hub) bring(from, to *Bus, a arrival) {
	if from.cutOut || to.cutIn || from.dead || to.dead || h.loss > 0 && h.random.Float64() < h.loss {
		return
	}
	a.due = time.Now().Add(h.delay)
	to.arrivals = append(to.arrivals, a)
	to.ring()
}

func (b *Bus) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Subscribe implements [cluster.Bus].
func (b *Bus) Subscribe(subject string, handle func(*cluster.Delivery)) (stop func(), err error) {
	sub := &subscription{handle: handle}
	b.hub.locked(func() {
		if !b.dead {
			b.subs[subject] = append(b.subs[subject], sub)
		}
	})
	return func() {
		b.hub.locked(func() {
			sub.over = true
			b.subs[subject] = slices.DeleteFunc(b.subs[subject], func(o *subscription) bool { return o == sub })
			if len(b.subs[subject]) == 0 {
				delete(b.subs, subject)
			}
		})
	}, nil
}

// Request implements [cluster.Bus].
func (b *Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	replies := make(chan []byte, 1)
	subscribed, cut := b.send(subject, data, func(from *Bus, data []byte) error {
		b.hub.locked(func() {
			b.hub.bring(from, b, arrival{reply: func() {
				select {
				case replies <- data:
				default:
				}
			}})
		})
		return nil
	})
	if subscribed == 0 && !cut {
		return nil, cluster.ErrNoResponders
	}
	select {
	case data := <-replies:
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// receive hands over what has arrived, until the bus is closed.
func (b *Bus) receive() {
	for {
		a, wait := b.next()
		if a != nil {
			if a.reply != nil {
				a.reply()
			} else {
				a.sub.handle(a.delivery)
			}
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-b.wake:
		case <-due:
		case <-b.over:
			return
		}
	}
}

// next returns what has arrived, or how long that takes; 0 is for ever.
func (b *Bus) next() (a *arrival, wait time.Duration) {
	b.hub.mu.Lock()
	defer b.hub.mu.Unlock()
	for len(b.arrivals) > 0 && !b.paused && !b.dead {
		first := b.arrivals[0]
		if wait = time.Until(first.due); wait > 0 {
			return nil, wait
		}
		b.arrivals = b.arrivals[1:]
		if first.sub == nil || !first.sub.over {
			return &first, 0
		}
	}
	return nil, 0
}
