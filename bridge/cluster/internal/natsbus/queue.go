package natsbus

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// What waits in a queue is bounded by number and by size. What comes while the queue is full is lost, as a message may be:
// followers ask for what they miss.
const (
	mostQueued      = 16 << 10
	mostQueuedBytes = 32 << 20
)

// queue has the messages that wait for a goroutine. Its methods may be called concurrently.
type queue struct {
	wake chan struct{}

	mu       sync.Mutex
	messages []*nats.Msg
	bytes    int
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// add adds a message, unless the queue is full.
func (q *queue) add(m *nats.Msg) {
	q.mu.Lock()
	full := len(q.messages) >= mostQueued || q.bytes+len(m.Data) > mostQueuedBytes && len(q.messages) > 0
	if !full {
		q.messages = append(q.messages, m)
		q.bytes += len(m.Data)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns what waits. The slice is given back as an empty one.
func (q *queue) take(messages []*nats.Msg) []*nats.Msg {
	clear(messages)
	q.mu.Lock()
	defer q.mu.Unlock()
	messages, q.messages = q.messages, messages[:0]
	q.bytes = 0
	return messages
}
