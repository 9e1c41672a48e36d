package local

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

// Market is a gRPC server whose quotes come when a test says so. Its methods may be called by several goroutines.
type Market struct {
	marketv1.UnimplementedMarketServiceServer

	// Address is where it listens.
	Address string

	streams atomic.Int64

	mu      sync.Mutex
	quotes  int64         // published so far; their sequence numbers are 1 to quotes
	more    chan struct{} // closed when there is another quote
	headers []metadata.MD // of each call
}

// StartMarket starts a gRPC server, with reflection, that ends with the test.
func StartMarket(t *testing.T) *Market {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &Market{Address: listener.Addr().String(), more: make(chan struct{})}
	server := grpc.NewServer()
	marketv1.RegisterMarketServiceServer(server, m)
	reflection.Register(server)
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, server.Serve(listener)) })
	t.Cleanup(func() { server.Stop(); running.Wait() })
	return m
}

// Publish sends one more quote to all streams, and returns its sequence number.
func (m *Market) Publish() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quotes++
	close(m.more)
	m.more = make(chan struct{})
	return m.quotes
}

// Streams returns how many streams are open.
func (m *Market) Streams() int64 { return m.streams.Load() }

// LastHeader returns the metadata of the newest call.
func (m *Market) LastHeader(t *testing.T) metadata.MD {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NotEmpty(t, m.headers, "no call has come")
	return m.headers[len(m.headers)-1]
}

// WatchTape streams all quotes after the one that the request names, or after now.
func (m *Market) WatchTape(in *marketv1.WatchTapeRequest, out grpc.ServerStreamingServer[marketv1.Quote]) error {
	return m.stream(in.AfterSequence, "AAPL", out)
}

// WatchQuotes is WatchTape with another symbol.
func (m *Market) WatchQuotes(in *marketv1.WatchQuotesRequest, out grpc.ServerStreamingServer[marketv1.Quote]) error {
	return m.stream(in.AfterSequence, in.GetSymbol(), out)
}

func (m *Market) stream(after *int64, symbol string, out grpc.ServerStreamingServer[marketv1.Quote]) error {
	m.streams.Add(1)
	defer m.streams.Add(-1)
	header, _ := metadata.FromIncomingContext(out.Context())
	m.mu.Lock()
	m.headers = append(m.headers, header)
	sent := m.quotes
	m.mu.Unlock()
	if after != nil {
		sent = *after
	}
	if err := out.SendHeader(nil); err != nil {
		return err
	}
	for {
		m.mu.Lock()
		newest, more := m.quotes, m.more
		m.mu.Unlock()
		for ; sent < newest; sent++ {
			if err := out.Send(&marketv1.Quote{Sequence: sent + 1, Symbol: symbol}); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
}
