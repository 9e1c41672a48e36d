package membus

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// Bus is the bus of one replica. It implements [cluster.Bus]. Its methods may be called concurrently.
type Bus struct {
	hub     *Hub
	payload int
	wake    chan struct{}
	over    chan struct{}
	done    sync.WaitGroup

	// The rest is guarded by the hub's lock.
	subs          map[string][]*subscription
	arrivals      []arrival // what the replica has not received yet
	watchers      []*watcher
	connected     bool
	cutIn, cutOut bool
	paused, dead  bool
	sent          map[string]int // by the first word of the subject
}

type subscription struct {
	handle func(*cluster.Delivery)
	over   bool
}

type watcher struct {
	mu      sync.Mutex
	changed func(bool)
}

type arrival struct {
	due      time.Time
	sub      *subscription // nil for a reply
	delivery *cluster.Delivery
	reply    func()
}

// Join returns the bus of one replica more. Close ends it.
func (h *Hub) Join(payload int) *Bus {
	b := &Bus{
		hub: h, payload: payload, connected: true, wake: make(chan struct{}, 1), over: make(chan struct{}),
		subs: map[string][]*subscription{}, sent: map[string]int{},
	}
	h.locked(func() { h.buses = append(h.buses, b) })
	b.done.Go(b.receive)
	return b
}

// Close ends the bus as the death of its process does: no other replica hears of it again, and its subscriptions are gone.
func (b *Bus) Close() {
	b.hub.locked(func() {
		if !b.dead {
			close(b.over)
		}
		b.dead, b.arrivals = true, nil
		b.subs = map[string][]*subscription{}
		b.hub.buses = slices.DeleteFunc(b.hub.buses, func(other *Bus) bool { return other == b })
	})
	b.done.Wait()
}

// Cut cuts the replica off: from what others send, from what it sends, or both. The connection does not show it.
func (b *Bus) Cut(in, out bool) { b.hub.locked(func() { b.cutIn, b.cutOut = in, out }) }

// Pause has what others send wait until the replica goes on.
func (b *Bus) Pause(paused bool) {
	b.hub.locked(func() { b.paused = paused })
	b.ring()
}

// Connect has the connection be lost, with all that was sent meanwhile, or be there again.
func (b *Bus) Connect(connected bool) {
	var watchers []*watcher
	b.hub.locked(func() {
		b.connected, b.cutIn, b.cutOut = connected, !connected, !connected
		watchers = slices.Clone(b.watchers)
	})
	for _, w := range watchers {
		w.tell(connected)
	}
}

func (w *watcher) tell(connected bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed(connected)
}

// Sent returns how many messages the replica has sent on subjects that begin with a word.
func (b *Bus) Sent(word string) (n int) {
	b.hub.locked(func() { n = b.sent[word] })
	return n
}

// Watch implements [cluster.Bus].
func (b *Bus) Watch(changed func(bool)) (stop func()) {
	w := &watcher{changed: changed}
	var connected bool
	b.hub.locked(func() {
		b.watchers = append(b.watchers, w)
		connected = b.connected
	})
	w.tell(connected)
	return func() {
		b.hub.locked(func() { b.watchers = slices.DeleteFunc(b.watchers, func(o *watcher) bool { return o == w }) })
	}
}

// MaxPayload implements [cluster.Bus].
func (b *Bus) MaxPayload() int { return b.payload }

// Create implements [cluster.Bus].
func (b *Bus) Create(ctx context.Context, name string, value []byte) (revision uint64, err error) {
	err = b.hub.access(ctx, b, func() error {
		if _, ok := b.hub.entries[name]; ok {
			return cluster.ErrExists
		}
		revision = b.hub.put(name, value)
		return nil
	})
	return revision, err
}

// Update implements [cluster.Bus].
func (b *Bus) Update(ctx context.Context, name string, value []byte, revision uint64) (next uint64, err error) {
	err = b.hub.access(ctx, b, func() error {
		if err := b.hub.find(name, revision); err != nil {
			return err
		}
		next = b.hub.put(name, value)
		return nil
	})
	return next, err
}

// Get implements [cluster.Bus].
func (b *Bus) Get(ctx context.Context, name string) (value []byte, revision uint64, err error) {
	err = b.hub.access(ctx, b, func() error {
		e, ok := b.hub.entries[name]
		if !ok {
			return cluster.ErrNoEntry
		}
		value, revision = e.value, e.revision
		return nil
	})
	return value, revision, err
}

// Delete implements [cluster.Bus].
func (b *Bus) Delete(ctx context.Context, name string, revision uint64) error {
	return b.hub.access(ctx, b, func() error {
		if err := b.hub.find(name, revision); err != nil {
			return err
		}
		b.hub.last++
		delete(b.hub.entries, name)
		return nil
	})
}
