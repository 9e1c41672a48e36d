package pump

import (
	"sync"
	"time"
)

// mail is what a loop has not heard of yet.
type mail struct {
	changed  []*group
	arrivals []*parked
	events   []event
	drain    time.Duration // within which all streams are to end, not negative
	draining bool
	closing  bool // all connections are to be closed, those that arrive later as well
}

// inbox is where others leave word for a loop. All may use it concurrently, and none of them waits.
type inbox struct {
	wake chan struct{} // holds a value when there is mail

	mu   sync.Mutex
	mail mail
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// change says that the topic of g has changed. It is called for each event of each stream: one atomic operation is enough
// where the loop has not even looked at the last change.
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

// take exchanges what has arrived for empty, whose memory is used again.
func (b *inbox) take(empty *mail) {
	clear(empty.changed)
	clear(empty.arrivals)
	*empty = mail{changed: empty.changed[:0], arrivals: empty.arrivals[:0], events: empty.events[:0]}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mail, *empty = *empty, b.mail
}
