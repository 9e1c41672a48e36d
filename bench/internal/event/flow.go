package event

import (
	"context"
	"time"
)

// Flow says when events are sent.
type Flow struct {
	// Rate is events per second, evenly spaced; 0 is as fast as they are taken.
	Rate float64 `json:"rate"`
	// Count ends the events, and not the stream, which stays open in silence; 0 is without end.
	Count uint64 `json:"count"`
}

// Run calls send with the number, from 1, and the time of each event when it is due, until send returns an error or ctx
// ends. A late event keeps the time when it was due: who holds up the sender does not make its own latency look good.
func (f Flow) Run(ctx context.Context, send func(number uint64, due time.Time) error) error {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for number := uint64(1); f.Count == 0 || number <= f.Count; number++ {
		due := time.Now()
		if f.Rate > 0 {
			due = begin.Add(time.Duration(float64(number-1) / f.Rate * float64(time.Second)))
		}
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
			}
		}
		if err := send(number, due); err != nil {
			return err
		}
		if number%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
