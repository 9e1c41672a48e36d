package upstream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// Open to first message and Close, over loopback; the server's half of the work and of the allocations is in it.
func BenchmarkOpen(b *testing.B) {
	s := serve(b, untilCancelled)
	client := dial(b, upstream.Config{Target: s.address})
	b.ReportAllocs()
	for b.Loop() {
		stream, err := client.Open(b.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
		require.NoError(b, err)
		message, err := stream.Recv()
		require.NoError(b, err)
		message.Release()
		stream.Close()
	}
}
