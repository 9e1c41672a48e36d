//go:build unix

package transcode_test

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// cpuTime returns the CPU time that this process has used, in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkTranscode measures the four shapes of messages. On a machine that is not idle, compare the CPU time (cpu-ns/op).
func BenchmarkTranscode(b *testing.B) {
	for _, shape := range []struct {
		name    string
		message proto.Message
	}{{"quote", quote()}, {"book", book()}, {"log", logLine()}, {"document", document()}} {
		md := shape.message.ProtoReflect().Descriptor()
		wire := marshal(shape.message)
		mixed := shuffled(rand.New(rand.NewPCG(3, 4)), md, wire)
		ours := func(opts transcode.Options, wire []byte) func() {
			tc := newTranscoder(b, shape.message, opts)
			buf := make([]byte, 0, 1<<18)
			return func() {
				if _, err := tc.AppendJSON(buf, wire); err != nil {
					b.Fatal(err)
				}
			}
		}
		through := func(fresh func() proto.Message) func() {
			return func() {
				m := fresh()
				if err := proto.Unmarshal(wire, m); err != nil {
					b.Fatal(err)
				}
				if _, err := protojson.Marshal(m); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(shape.name, func(b *testing.B) {
			for _, way := range []struct {
				name string
				do   func()
			}{
				{"ours", ours(transcode.Options{}, wire)},
				{"ours-shuffled", ours(transcode.Options{}, mixed)},
				{"ours-defaults", ours(transcode.Options{EmitDefaults: true}, wire)},
				{"protojson-generated", through(func() proto.Message { return shape.message.ProtoReflect().New().Interface() })},
				{"protojson-dynamic", through(func() proto.Message { return dynamicpb.NewMessage(md) })},
			} {
				b.Run(way.name, func(b *testing.B) {
					b.ReportAllocs()
					b.SetBytes(int64(len(wire)))
					start := cpuTime()
					for b.Loop() {
						way.do()
					}
					b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
				})
			}
		})
	}
}
