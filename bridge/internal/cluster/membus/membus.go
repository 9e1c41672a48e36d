// Package membus is a bus in memory for tests of the cluster. It can lose, delay and hold back messages, cut a replica off in
// one direction or both, and have the store answer nothing.
package membus

import (
	"context"
	"errors"
	"math/rand"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// errSilent says that the store did not answer.
var errSilent = errors.New("membus: the store does not answer")

// Hub is what the buses of one cluster have in common: the store, and who is subscribed to what. Its methods may be called
// concurrently.
type Hub struct {
	mu      sync.Mutex
	random  *rand.Rand
	loss    float64
	delay   time.Duration
	silent  bool
	entries map[string]entry
	last    uint64
	buses   []*Bus
	tap     func(subject string, data []byte)
}

type entry struct {
	value    []byte
	revision uint64
}

// NewHub returns a hub without replicas. Losses are chosen by the seed.
func NewHub(seed int64) *Hub {
	return &Hub{random: rand.New(rand.NewSource(seed)), entries: map[string]entry{}}
}

// Lose has a share of the messages get lost, from 0 to 1.
func (h *Hub) Lose(share float64) { h.locked(func() { h.loss = share }) }

// Delay has each message and each answer of the store take so long.
func (h *Hub) Delay(d time.Duration) { h.locked(func() { h.delay = d }) }

// Silence has the store answer nothing, as after the loss of its leader, or answer again.
func (h *Hub) Silence(silent bool) { h.locked(func() { h.silent = silent }) }

// DeleteStore deletes all entries. The revisions begin anew.
func (h *Hub) DeleteStore() {
	h.locked(func() { h.entries, h.last = map[string]entry{}, 0 })
}

// Tap has a function called with each message that is sent. It must not call the hub.
func (h *Hub) Tap(tap func(subject string, data []byte)) { h.locked(func() { h.tap = tap }) }

// Entries returns how many entries there are.
func (h *Hub) Entries() (n int) {
	h.locked(func() { n = len(h.entries) })
	return n
}

// Subscriptions returns how many subscriptions there are.
func (h *Hub) Subscriptions() (n int) {
	h.locked(func() {
		for _, b := range h.buses {
			for _, subs := range b.subs {
				n += len(subs)
			}
		}
	})
	return n
}

func (h *Hub) locked(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
}

// access does something with the entries, as a request of a bus to the store.
func (h *Hub) access(ctx context.Context, b *Bus, do func() error) error {
	h.mu.Lock()
	delay := h.delay
	h.mu.Unlock()
	if err := sleep(ctx, delay); err != nil {
		return err
	}
	h.mu.Lock()
	silent, cutOff := h.silent, b.cutOut || b.dead
	var err error
	if !silent && !cutOff {
		err = do()
	}
	silent = silent || cutOff || b.cutIn // an answer that does not arrive
	h.mu.Unlock()
	if silent {
		<-ctx.Done()
		return errors.Join(errSilent, ctx.Err())
	}
	return errors.Join(err, nil)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns the entry of a name if it has a revision. The lock is held.
func (h *Hub) find(name string, revision uint64) error {
	if e, ok := h.entries[name]; !ok || e.revision != revision {
		return cluster.ErrConflict
	}
	return nil
}

// put writes an entry and returns its revision. The lock is held.
func (h *Hub) put(name string, value []byte) uint64 {
	h.last++
	h.entries[name] = entry{value, h.last}
	return h.last
}
