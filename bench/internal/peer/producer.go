package peer

import (
	"context"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/event"
)

// heartbeat is how often a floor sends a comment once its events are over: as often as the bridge does.
const heartbeat = 15 * time.Second

// Producer makes the events of a floor, which has no upstream.
type Producer struct {
	Shape event.Shape
	Flow  event.Flow
}

// run calls send with each block, and tells whether it is an event or a heartbeat, until ctx ends. Send may keep the block,
// and is called by one goroutine at a time.
func (p Producer) run(ctx context.Context, send func(block []byte, isEvent bool)) {
	var mu sync.Mutex
	one := func(block []byte, isEvent bool) {
		mu.Lock()
		defer mu.Unlock()
		send(block, isEvent)
	}
	var beating sync.WaitGroup
	if p.Flow.Count > 0 {
		beating.Go(func() {
			ticker := time.NewTicker(heartbeat)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					one([]byte(":\n"), false)
				}
			}
		})
	}
	// Ends with ctx only: the function below returns no error.
	_ = p.Flow.Run(ctx, func(number uint64, due time.Time) error {
		one(p.Shape.AppendFrame(nil, number, due), true)
		return nil
	})
	beating.Wait()
}
