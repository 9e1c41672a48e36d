package peer

import (
	"context"
	"net/http"
	"sync"
)

// queue is how many blocks wait for one browser of Ready. One for which they are not enough is sent away.
const queue = 256

// Ready writes ready bytes by net/http: what a hub costs that is written the usual way, a goroutine and a channel per
// browser. Its events flow until ctx ends.
func Ready(ctx context.Context, producer Producer) http.Handler {
	h := &hub{seats: map[chan []byte]struct{}{}}
	go producer.run(ctx, h.send)
	return h
}

// hub is who listens.
type hub struct {
	mu     sync.Mutex
	seats  map[chan []byte]struct{} // guarded by mu; closed by who takes them out
	latest []byte                   // guarded by mu
}

// send hands a block to everybody.
func (h *hub) send(block []byte, isEvent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if isEvent {
		h.latest = block
	}
	for seat := range h.seats {
		select {
		case seat <- block:
		default:
			close(seat)
			delete(h.seats, seat)
		}
	}
}

// sit returns the channel of a newcomer, which begins with the newest event.
func (h *hub) sit() chan []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	seat := make(chan []byte, queue)
	h.seats[seat] = struct{}{}
	if h.latest != nil {
		seat <- h.latest
	}
	return seat
}

// rise gives a channel back.
func (h *hub) rise(seat chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.seats, seat)
}

// ServeHTTP writes until the browser leaves.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher := http.NewResponseController(w)
	if err := flusher.Flush(); err != nil {
		return
	}
	seat := h.sit()
	defer h.rise(seat)
	for {
		select {
		case <-r.Context().Done():
			return
		case block, ok := <-seat:
			if !ok {
				return
			}
			if _, err := w.Write(block); err != nil {
				return
			}
			if err := flusher.Flush(); err != nil {
				return
			}
		}
	}
}
