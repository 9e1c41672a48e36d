package replay_test

import (
	"testing"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// BenchmarkRead measures what a cursor pays for an event: to see that there is one, and to find none behind it. As many
// goroutines read as there are processors.
func BenchmarkRead(b *testing.B) {
	r := newRing(b, replay.Bounds{Events: 1024, Bytes: 4 << 20, Age: 5 * time.Minute})
	for range 1024 {
		put(b, r, 200)
	}
	end := r.State().End()
	newest := replay.Position{Epoch: end.Epoch, Offset: end.Offset - 1}
	oldest := r.State().Start()
	for _, from := range []struct {
		name string
		at   replay.Position
	}{{"newest", newest}, {"none", end}, {"oldest", oldest}} {
		b.Run(from.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				dst := make([]replay.Entry, 0, 16)
				for pb.Next() {
					dst, _ = r.Entries(dst[:0], from.at, 1)
				}
			})
		})
	}
	b.Run("lag", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.Lag(oldest)
			}
		})
	})
}

// BenchmarkAppend measures what an event costs the log, once, with eviction.
func BenchmarkAppend(b *testing.B) {
	r := newRing(b, replay.Bounds{Events: 1024, Bytes: 4 << 20, Age: 5 * time.Minute})
	block := []byte(`data: {"symbol":"AAPL","price":189.5}` + "\n\n")
	b.ReportAllocs()
	for b.Loop() {
		e, err := replay.NewDraft(r.State().End(), block, 0)
		if err != nil {
			b.Fatal(err)
		}
		e.ID = "42"
		if err := r.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}
