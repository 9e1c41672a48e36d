package natsbus

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// Bus connects the replicas of a cluster over NATS. It implements [cluster.Bus].
type Bus struct {
	*store

	conn   *nats.Conn
	prefix string // of all subjects, with a "." at the end
	lanes  [lanes]*lane
	notes  *notes
	over   chan struct{} // closed by Close
	done   sync.WaitGroup

	mu       sync.Mutex
	watchers map[*func(bool)]struct{}
	up       bool
}

// Messages are handled on this number of goroutines.
const lanes = 4

// mostArrivals is how many messages the connection may bring a lane while the lane does not run. It must be as many as one read of
// the connection brings. They are not bounded by their size, so a lane moves them to its queue at once.
const mostArrivals = 1 << 10

// lane handles the messages of some of the subscriptions, one after the other.
type lane struct {
	arrivals chan *nats.Msg
	queue    *queue
	prefix   string // of all subjects

	mu       sync.RWMutex
	handlers map[*nats.Subscription]func(*cluster.Delivery)
	subjects map[string]int // how many handlers a subject has
}

// leaving is how long a subscription goes on at the server after its end, so that requests that are on their way are answered.
const leaving = 100 * time.Millisecond

var _ cluster.Bus = (*Bus)(nil)

func newBus(conn *nats.Conn, name string, s *store, n *notes) *Bus {
	b := &Bus{store: s, conn: conn, prefix: "grpcsse." + name + ".", notes: n, over: make(chan struct{}), watchers: map[*func(bool)]struct{}{}}
	for i := range b.lanes {
		l := &lane{
			arrivals: make(chan *nats.Msg, mostArrivals), queue: newQueue(), prefix: b.prefix,
			handlers: map[*nats.Subscription]func(*cluster.Delivery){}, subjects: map[string]int{},
		}
		b.lanes[i] = l
		b.done.Go(func() { l.receive(b.over) })
		b.done.Go(func() { l.run(b.over) })
	}
	return b
}

// Close closes the connection. No handler is called afterwards.
func (b *Bus) Close() {
	b.conn.Close()
	for _, l := range b.lanes {
		l.mu.Lock()
		l.handlers = nil
		l.mu.Unlock()
	}
	close(b.over) // the queues stay open: the connection may still be about to add a message
	b.done.Wait()
}

// receive has what arrives wait for its turn.
func (l *lane) receive(over <-chan struct{}) {
	for {
		select {
		case m := <-l.arrivals:
			l.queue.add(m)
		case <-over:
			return
		}
	}
}

// run handles what waits.
func (l *lane) run(over <-chan struct{}) {
	var messages []*nats.Msg
	for {
		select {
		case <-l.queue.wake:
		case <-over:
			return
		}
		messages = l.queue.take(messages)
		for _, m := range messages {
			l.handle(m)
		}
	}
}

func (l *lane) handle(m *nats.Msg) {
	l.mu.RLock()
	handle, others := l.handlers[m.Sub], l.subjects[m.Sub.Subject]
	l.mu.RUnlock()
	switch {
	case handle != nil:
		d := &cluster.Delivery{Subject: strings.TrimPrefix(m.Sub.Subject, l.prefix), Data: m.Data}
		if m.Reply != "" {
			d.Reply = m.Respond
		}
		handle(d)
	case m.Reply != "" && others == 0: // the subscription ended while the request was on its way
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"503"}}}) // a server of NATS answers so for a subject without subscriptions
	}
}

// Publish implements [cluster.Bus]. Where the server takes nothing, the connection counts as lost.
func (b *Bus) Publish(subject string, data []byte) error {
	err := b.conn.Publish(b.prefix+subject, data)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = b.conn.ForceReconnect() // an error says that the connection is closed
	}
	return err
}

// Subscribe implements [cluster.Bus].
func (b *Bus) Subscribe(subject string, handle func(*cluster.Delivery)) (stop func(), err error) {
	l := b.lanes[laneOf(subject)]
	l.mu.Lock() // so that no message comes before its handler is known
	defer l.mu.Unlock()
	if l.handlers == nil {
		return nil, nats.ErrConnectionClosed
	}
	sub, err := b.conn.ChanSubscribe(b.prefix+subject, l.arrivals)
	if err != nil {
		return nil, err
	}
	l.subjects[sub.Subject]++
	l.handlers[sub] = handle
	return func() { l.leave(sub) }, nil
}

// leave ends a subscription. Further calls do nothing.
func (l *lane) leave(sub *nats.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handlers[sub] == nil {
		return
	}
	delete(l.handlers, sub)
	if l.subjects[sub.Subject]--; l.subjects[sub.Subject] == 0 {
		delete(l.subjects, sub.Subject)
	}
	time.AfterFunc(leaving, func() { _ = sub.Unsubscribe() }) // an error says that the connection is closed
}

// laneOf chooses a lane for a subject.
func laneOf(subject string) int {
	sum := 0
	for i := range len(subject) {
		sum = sum*31 + int(subject[i])
	}
	return int(uint(sum) % lanes)
}

// Request implements [cluster.Bus].
func (b *Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	m, err := b.conn.RequestWithContext(ctx, b.prefix+subject, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, cluster.ErrNoResponders
	case err != nil:
		return nil, err
	}
	return m.Data, nil
}

// MaxPayload implements [cluster.Bus].
func (b *Bus) MaxPayload() int {
	if most := b.conn.MaxPayload(); most > 0 {
		return int(most)
	}
	return defaultPayload
}

// defaultPayload is the greatest size of a message where no server has said another one.
const defaultPayload = 1 << 20

// Watch implements [cluster.Bus].
func (b *Bus) Watch(changed func(connected bool)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[&changed] = struct{}{}
	changed(b.up)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, &changed)
	}
}

// link notes whether there is a connection.
func (b *Bus) link(up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == up {
		return
	}
	b.up = up
	for changed := range b.watchers {
		(*changed)(up)
	}
}
