package peer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bench/internal/event"
)

func TestAFloorSendsHeartbeatsOnceItsEventsAreOver(t *testing.T) {
	for name, c := range map[string]struct {
		flow               event.Flow
		events, heartbeats int
	}{
		"one event": {event.Flow{Count: 1}, 1, 3},
		"no end":    {event.Flow{Rate: 2}, 99, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 49250*time.Millisecond)
				defer cancel()
				events, heartbeats := 0, 0
				Producer{Shape: event.NewShape(64), Flow: c.flow}.run(ctx, func(block []byte, isEvent bool) {
					if isEvent {
						events++
						return
					}
					assert.Equal(t, ":\n", string(block))
					heartbeats++
				})
				assert.Equal(t, c.events, events)
				assert.Equal(t, c.heartbeats, heartbeats)
			})
		})
	}
}

// A newcomer gets the newest event; who is too far behind is sent away, and nobody else is held up.
func TestHub(t *testing.T) {
	h := &hub{seats: map[chan []byte]struct{}{}}
	early := h.sit()
	h.send([]byte("a"), true)
	h.send([]byte(":\n"), false)
	late := h.sit()
	assert.Equal(t, "a", string(<-early))
	assert.Equal(t, ":\n", string(<-early))
	for range queue {
		h.send([]byte("b"), true)
		assert.Equal(t, "b", string(<-early))
	}
	assert.Equal(t, "a", string(<-late))
	for range queue - 1 {
		assert.Equal(t, "b", string(<-late))
	}
	_, open := <-late
	assert.False(t, open)
	h.rise(early)
	h.rise(late)
	assert.Empty(t, h.seats)
}
