package main

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

// bookkeeper is a gRPC server whose quotes come when a test says so. It notes who opened which stream.
//
// A quote of WatchTape has the same number in every stream, and the stream begins behind the number that the request names. A
// stream of WatchQuotes counts its quotes from 1 and takes no cursor. So two streams have different quotes under one number.
// Their symbol tells them apart.
type bookkeeper struct {
	marketv1.UnimplementedMarketServiceServer

	address string

	mu      sync.Mutex
	quotes  int64                  // guarded by mu; published so far
	more    chan struct{}          // guarded by mu; closed when there is another quote
	opened  map[opening]int        // guarded by mu; streams so far
	open    map[opening]int        // guarded by mu; streams that are open now
	counted map[string]beforeFirst // guarded by mu; the streams of WatchQuotes, by their symbol
}

// beforeFirst is how many quotes were published before a stream began.
type beforeFirst int64

// opening is a kind of stream.
type opening struct {
	process string // the bridge, which names itself in the metadata x-process
	method  string // WatchTape or WatchQuotes
	cursor  bool   // the request names a quote
}

// startBookkeeper starts the server, with reflection, until the test ends.
func startBookkeeper(t *testing.T) *bookkeeper {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &bookkeeper{
		address: listener.Addr().String(), more: make(chan struct{}),
		opened: make(map[opening]int), open: make(map[opening]int),
		counted: make(map[string]beforeFirst),
	}
	server := grpc.NewServer()
	marketv1.RegisterMarketServiceServer(server, b)
	reflection.Register(server)
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, server.Serve(listener)) })
	t.Cleanup(func() { server.Stop(); running.Wait() })
	return b
}

// publish sends one more quote to all streams.
func (b *bookkeeper) publish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quotes++
	close(b.more)
	b.more = make(chan struct{})
}

// published returns how many quotes there are, and the channel that is closed when there is another one.
func (b *bookkeeper) published() (newest int64, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.quotes, b.more
}

// last returns the number of the newest quote of the streams with a symbol.
func (b *bookkeeper) last(symbol string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.quotes - int64(b.counted[symbol]) // 0 quotes before the tape
}

// streams returns how many streams of a kind were opened.
func (b *bookkeeper) streams(kind opening) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened[kind]
}

// now returns how many streams are open.
func (b *bookkeeper) now() (sum int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.open {
		sum += n
	}
	return sum
}

// enter notes a stream. It returns its kind and how many quotes there are already.
func (b *bookkeeper) enter(stream grpc.ServerStream, method string, cursor bool) (kind opening, quotes int64) {
	header, _ := metadata.FromIncomingContext(stream.Context())
	kind = opening{process: strings.Join(header["x-process"], ""), method: method, cursor: cursor}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened[kind]++
	b.open[kind]++
	return kind, b.quotes
}

func (b *bookkeeper) leave(kind opening) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[kind]--
}

// tape is the symbol of all quotes of WatchTape.
const tape = "TAPE"

// WatchTape implements marketv1.MarketServiceServer.
func (b *bookkeeper) WatchTape(in *marketv1.WatchTapeRequest, out grpc.ServerStreamingServer[marketv1.Quote]) error {
	kind, sent := b.enter(out, "WatchTape", in.AfterSequence != nil)
	defer b.leave(kind)
	if in.AfterSequence != nil {
		sent = in.GetAfterSequence()
	}
	return b.stream(out, tape, 0, sent)
}

// WatchQuotes implements marketv1.MarketServiceServer.
func (b *bookkeeper) WatchQuotes(_ *marketv1.WatchQuotesRequest, out grpc.ServerStreamingServer[marketv1.Quote]) error {
	kind, sent := b.enter(out, "WatchQuotes", false)
	defer b.leave(kind)
	b.mu.Lock()
	symbol := strconv.Itoa(len(b.counted))
	b.counted[symbol] = beforeFirst(sent)
	b.mu.Unlock()
	return b.stream(out, symbol, sent, sent)
}

// stream sends the quotes that follow the first ones. A number counts from the quotes that do not belong to the stream.
func (b *bookkeeper) stream(out grpc.ServerStreamingServer[marketv1.Quote], symbol string, foreign, sent int64) error {
	if err := out.SendHeader(nil); err != nil {
		return err
	}
	for {
		newest, more := b.published()
		for ; sent < newest; sent++ {
			if err := out.Send(&marketv1.Quote{Sequence: sent + 1 - foreign, Symbol: symbol}); err != nil {
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
