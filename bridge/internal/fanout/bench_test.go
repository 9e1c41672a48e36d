package fanout_test

import (
	"context"
	"testing"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// directUpstream hands its sink to the benchmark, and waits for the end.
type directUpstream chan reading.Sink

func (u directUpstream) Run(ctx context.Context, _ reading.Attempt, sink reading.Sink) reading.Result {
	sink.Accepted(nil)
	u <- sink
	<-ctx.Done()
	return result(reading.Over, "")
}

// BenchmarkDeliver measures the cost of one event for each of 5,000 subscribers that had read everything before. It does what a
// loop does for its parked connections, without the connections.
func BenchmarkDeliver(b *testing.B) {
	const subscribers = 5000
	r := fanout.NewRegistry(b.Context(), fanout.Limits{})
	defer r.Close(closed())
	upstream := make(directUpstream)
	settings := withDefaults(fanout.Settings{Bounds: replay.Bounds{Events: 1024, Bytes: 4 << 20, Age: 5 * time.Minute}})
	all := make([]*fanout.Subscriber, subscribers)
	for i := range all {
		all[i], _ = r.Join("key", fanout.Newcomer{Form: frame.Form{Chunked: true}}, func() (fanout.Settings, reading.Upstream) {
			return settings, upstream
		})
	}
	sink := <-upstream
	event := eventOf(kilobyte)
	pieces := make([][]byte, 0, 64)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%subscribers == 0 {
			_ = sink.Event(b.Context(), event)
		}
		s := all[i%subscribers]
		got, _ := s.Peek(pieces, 64<<10)
		s.Advance(len(got))
		s.Peek(pieces, 64<<10)
	}
}
