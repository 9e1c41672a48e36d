//go:build unix

package frame_test

import (
	"syscall"
	"testing"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// cpuTime returns the CPU time that this process has used, in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkCoding measures one event of each of the four shapes in each coding: what is left of its bytes, and the CPU time that
// making it takes, once for all who read it.
func BenchmarkCoding(b *testing.B) {
	for _, s := range shapes(b) {
		for _, e := range []frame.Encoding{frame.Identity, frame.Gzip, frame.Zstd} {
			form := frame.Form{Encoding: e, Chunked: true}
			name := e.String()
			if e == frame.Identity {
				name = "identity"
			}
			b.Run(s.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				size := 0
				start := cpuTime()
				for b.Loop() {
					size = len(frame.New(s.block, s.data).Bytes(form))
				}
				b.ReportMetric(float64(cpuTime()-start)/1e3/float64(b.N), "cpu-µs/event")
				b.ReportMetric(float64(size), "bytes")
				b.ReportMetric(float64(size)/float64(len(s.block)), "ratio")
			})
		}
	}
}

// BenchmarkBytes measures what a connection pays for an event that another one has asked for before.
func BenchmarkBytes(b *testing.B) {
	f := frame.New([]byte(quoteBlock), 13)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.Bytes(frame.Form{Encoding: frame.Zstd, Chunked: true})
		}
	})
}
