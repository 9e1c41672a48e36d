package pump

import (
	"sync"
	"time"
)

// mail is what others have told a loop, and the loop has not read yet.
type mail struct {
	changed  []*group
	arrivals []*parked
	events   []event
	drain    time.Duration // where draining: the time within which all streams end, not negative
	draining bool
	closing  bool // all connections are to be closed, and those that arrive later
}

// inbox takes what other goroutines tell a loop. It may be used concurrently, and never makes its callers wait.
type inbox struct {
	wake chan struct{} // holds a value when there is mail

	mu   sync.Mutex
	mail mail
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// change says that the topic of g has changed. It is called for each event of each stream, so it is one atomic load where the
// loop has not read the last change yet.
func (b *inbox) change(g *group) {
	if g.changed.Load() || g.changed.Swap(true) {
		return
	}
	b.put(func(m *mail) { m.changed = append(m.changed, g) })
}

func (b *inbox) put(write func(*mail)) {
	b.mu.Lock()
	write(&b.mail)
	b.mu.Unlock()
	wake(b.wake)
}

// take moves what has arrived to empty, and uses empty's memory for what arrives next.
func (b *inbox) take(empty *mail) {
	clear(empty.changed)
	clear(empty.arrivals)
	*empty = mail{changed: empty.changed[:0], arrivals: empty.arrivals[:0], events: empty.events[:0]}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mail, *empty = *empty, b.mail
}
