package demo

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// history holds the newest items of an endless series, numbered from 1, and wakes the goroutines that wait for the next item.
// It may be used concurrently.
type history[T any] struct {
	mu      sync.Mutex
	items   []T           // guarded by mu; the item with sequence number n is at n % len(items)
	newest  int64         // guarded by mu; the sequence number of the newest item, 0 where there is none
	changed chan struct{} // guarded by mu; closed and replaced with every item
}

func newHistory[T any](size int) *history[T] {
	return &history[T]{items: make([]T, size), changed: make(chan struct{})}
}

// add appends the item that build returns for its sequence number. The item must not change afterwards.
func (h *history[T]) add(build func(sequence int64) T) T {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest++
	item := build(h.newest)
	h.items[h.newest%int64(len(h.items))] = item
	close(h.changed)
	h.changed = make(chan struct{})
	return item
}

// excerpt is the part of a history up to its newest item.
type excerpt[T any] struct {
	items   []T             // oldest first
	newest  int64           // sequence number of the newest item
	changed <-chan struct{} // closed when there is a newer one
}

// after returns all items behind a sequence number. It returns an error where the first of these items are forgotten, or where
// no item has had that number yet.
func (h *history[T]) after(sequence int64) (excerpt[T], error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sequence > h.newest {
		return excerpt[T]{}, fmt.Errorf("expected a sequence number up to %d, found %d", h.newest, sequence)
	}
	if oldest := h.oldest(); sequence < oldest-1 {
		return excerpt[T]{}, fmt.Errorf("expected a sequence number from %d on, found %d: what followed it is forgotten",
			oldest-1, sequence)
	}
	return h.from(sequence + 1), nil
}

// all returns all items that the history holds.
func (h *history[T]) all() excerpt[T] {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from(h.oldest())
}

// end returns an excerpt without items.
func (h *history[T]) end() excerpt[T] {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from(h.newest + 1)
}

// serve answers a call with the items behind a sequence number, and then with every newer item, as follow does. Where after is
// nil, it begins with the next item. The header of the answer comes at once.
func (h *history[T]) serve(stream grpc.ServerStream, after *int64, send func(T) error) error {
	beginning := h.end()
	if after != nil {
		var err error
		if beginning, err = h.after(*after); err != nil {
			return status.Errorf(codes.OutOfRange, "after_sequence: %v", err)
		}
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	return h.follow(stream.Context(), beginning, send)
}

// follow gives the items of an excerpt to send, and then every newer item, until ctx ends or send returns an error. The error
// is a gRPC status: DATA_LOSS where send is so slow that items were forgotten meanwhile.
func (h *history[T]) follow(ctx context.Context, e excerpt[T], send func(T) error) error {
	for {
		for _, item := range e.items {
			if err := send(item); err != nil {
				return err
			}
		}
		err := await(ctx, e.changed)
		if err != nil {
			return err
		}
		if e, err = h.after(e.newest); err != nil {
			return status.Errorf(codes.DataLoss, "the caller reads too slowly: %v", err)
		}
	}
}

// from returns a copy of the items from a sequence number on. The caller holds mu.
func (h *history[T]) from(sequence int64) excerpt[T] {
	e := excerpt[T]{newest: h.newest, changed: h.changed}
	for n := sequence; n <= h.newest; n++ {
		e.items = append(e.items, h.items[n%int64(len(h.items))])
	}
	return e
}

// oldest returns the sequence number of the oldest item. The caller holds mu.
func (h *history[T]) oldest() int64 {
	return max(1, h.newest-int64(len(h.items))+1)
}
