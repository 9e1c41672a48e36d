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
	// Epoch makes one tape of all streams, also of those of a server that was started again: at this time, in Unix nanoseconds,
	// event 1 was due. It needs a Rate. 0 is that each stream has events of its own.
	Epoch int64 `json:"epoch,omitempty"`
}

// Run calls send with the number, from 1, and the time of each event when it is due, until send returns an error or ctx
// ends. A late event keeps the time when it was due: who holds up the sender does not make its own latency look good.
func (f Flow) Run(ctx context.Context, send func(number uint64, due time.Time) error) error {
	return f.RunAfter(ctx, 0, send)
}

// RunAfter is Run for a caller that has the event with a number. 0 is a caller that has none: a tape begins with its newest event
// then.
func (f Flow) RunAfter(ctx context.Context, after uint64, send func(number uint64, due time.Time) error) error {
	begin := time.Now()
	number := after + 1
	if f.Epoch != 0 {
		begin = time.Unix(0, f.Epoch)
		if after == 0 {
			number = max(1, f.Newest(time.Now()))
		}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ; f.Count == 0 || number <= f.Count; number++ {
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

// Newest returns the number of the newest event of a tape that was due at a time, 0 before the first.
func (f Flow) Newest(now time.Time) uint64 {
	since := now.Sub(time.Unix(0, f.Epoch))
	if since < 0 {
		return 0
	}
	return uint64(since.Seconds()*f.Rate) + 1
}
