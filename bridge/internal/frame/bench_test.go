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

// BenchmarkCoding measures events of the four shapes in each coding: what is left of their bytes, without the framing of chunks,
// and the CPU time that making one takes, once for all who read it. Transcoding is not in it; copying the block is.
func BenchmarkCoding(b *testing.B) {
	gzip, zstd := frame.Form{Encoding: frame.Gzip}, frame.Form{Encoding: frame.Zstd}
	for _, s := range shapes(b, 100) {
		for _, coding := range []struct {
			name string
			made func(prev, f *frame.Frame) []byte
		}{
			{"identity", func(_, f *frame.Frame) []byte { return f.Bytes(frame.Form{}) }},
			{"gzip", func(_, f *frame.Frame) []byte { return f.Bytes(gzip) }},
			{"gzip-after", func(prev, f *frame.Frame) []byte { return f.After(prev, gzip) }},
			{"zstd", func(_, f *frame.Frame) []byte { return f.Bytes(zstd) }},
		} {
			b.Run(s.name+"/"+coding.name, func(b *testing.B) {
				b.ReportAllocs()
				plain, made, events := 0, 0, 0
				prev := frame.New(s.blocks[len(s.blocks)-1], s.data)
				start := cpuTime()
				for b.Loop() {
					f := frame.New(s.blocks[events%len(s.blocks)], s.data)
					plain += len(f.Block())
					made += len(coding.made(prev, f))
					prev = f
					events++
				}
				b.ReportMetric(float64(cpuTime()-start)/1e3/float64(b.N), "cpu-µs/event")
				b.ReportMetric(float64(plain)/float64(events), "bytes/event")
				b.ReportMetric(float64(made)/float64(plain), "ratio")
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
