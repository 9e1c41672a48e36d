package fanout_test

import (
	"context"
	"strconv"
	"strings"
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
		visit(all[i%subscribers], pieces)
	}
}

// BenchmarkLonely measures what an event costs on a stream with one subscriber, from the finished block to the end of the visit, in a
// process with a thousand such streams.
func BenchmarkLonely(b *testing.B) {
	const streams, atOnce = 1000, 16
	r := fanout.NewRegistry(b.Context(), fanout.Limits{})
	defer r.Close(closed())
	settings := withDefaults(fanout.Settings{Bounds: replay.Bounds{Events: 1024, Bytes: 4 << 20, Age: 5 * time.Minute}})
	all, sinks := make([]*fanout.Subscriber, streams), make([]reading.Sink, streams)
	for i := range all {
		upstream := make(directUpstream)
		newcomer := fanout.Newcomer{Form: frame.Form{Chunked: true}}
		all[i], _ = r.Join(strconv.Itoa(i), newcomer, func() (fanout.Settings, reading.Upstream) { return settings, upstream })
		sinks[i] = <-upstream
		defer all[i].Topic().Watch(func() {})()
	}
	event := eventOf(strings.Repeat("x", 150))
	pieces := make([][]byte, 0, 64)
	b.ReportAllocs()
	events := 0
	for ; b.Loop(); events += atOnce {
		for i := range atOnce {
			_ = sinks[(events+i)%streams].Event(b.Context(), event)
		}
		for i := range atOnce {
			visit(all[(events+i)%streams], pieces)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

// visit does what a loop does with a subscriber that takes all.
func visit(s *fanout.Subscriber, memory [][]byte) {
	pieces, _ := s.Peek(memory, 64<<10)
	if s.Advance(len(pieces)); !s.Drained() {
		s.Peek(memory, 64<<10)
	}
}
