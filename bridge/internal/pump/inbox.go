package pump

import (
	"sync"
	"time"
)

// mail is what other goroutines have told a loop and the loop has not read yet.
type mail struct {
	changed  []*group
	arrivals []*parked
	events   []event
	orders   []order
	drain    time.Duration // while draining: the time within which all streams end, not negative
	draining bool
	closing  bool // all connections are closed, and so are those that arrive later
}

func (m *mail) empty() bool {
	return len(m.changed)+len(m.arrivals)+len(m.events)+len(m.orders) == 0 && !m.draining && !m.closing
}

// inbox takes the mail of other goroutines for a loop. It may be used concurrently, and never makes its callers wait.
type inbox struct {
	wake chan struct{} // holds a value when there is mail

	mu   sync.Mutex
	mail mail
}

// order says that the control of a subscriber has orders.
type order struct {
	p      *parked
	within time.Duration // the time within which the stream must end, or never
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// change says that the topic of g has changed. It is called for each event of each stream. Where the loop has not read the last
// change yet, it costs one atomic load.
func (b *inbox) change(g *group) {
	if g.changed.Load() || g.changed.Swap(true) {
		return
	}
	b.put(func(m *mail) { m.changed = append(m.changed, g) })
}

// arrive hands a new subscriber to the loop, and each order of its control, which may be nil.
func (b *inbox) arrive(p *parked, control *Control) {
	p.control = control
	b.put(func(m *mail) { m.arrivals = append(m.arrivals, p) })
	control.attach(func(within time.Duration) {
		b.put(func(m *mail) { m.orders = append(m.orders, order{p, within}) })
	})
}

func (b *inbox) put(write func(*mail)) {
	b.mu.Lock()
	first := b.mail.empty()
	write(&b.mail)
	b.mu.Unlock()
	if first { // otherwise the loop has been woken, and has not taken its mail since
		wake(b.wake)
	}
}

// take moves the mail to empty, and uses empty's memory for the next mail.
func (b *inbox) take(empty *mail) {
	clear(empty.changed)
	clear(empty.arrivals)
	clear(empty.orders)
	*empty = mail{changed: empty.changed[:0], arrivals: empty.arrivals[:0], events: empty.events[:0], orders: empty.orders[:0]}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mail, *empty = *empty, b.mail
}
