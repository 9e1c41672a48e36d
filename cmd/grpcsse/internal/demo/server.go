package demo

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	activityv1 "github.com/grpcsse/grpcsse/gen/demo/activity/v1"
	counterv1 "github.com/grpcsse/grpcsse/gen/demo/counter/v1"
	faultv1 "github.com/grpcsse/grpcsse/gen/demo/fault/v1"
	jobv1 "github.com/grpcsse/grpcsse/gen/demo/job/v1"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
	notifyv1 "github.com/grpcsse/grpcsse/gen/demo/notify/v1"
)

// Server is the gRPC server of the demo, with all services and server reflection. The services keep their data when the server
// ends, as if they had a database.
type Server struct {
	journal *journal
	market  *market
}

// NewServer returns a server that logs what happens to its streams. The seed decides the prices.
func NewServer(logger *slog.Logger, seed uint64) *Server {
	return &Server{journal: newJournal(logger), market: newMarket(seed)}
}

// Trade runs the exchange until ctx ends, whether or not the server serves.
func (s *Server) Trade(ctx context.Context) { s.market.run(ctx) }

// Serve serves on listener until ctx ends, and closes the listener. Streams that are open then are cut. When Serve returns, all
// its goroutines have ended, and it can be called again.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	g := grpc.NewServer(grpc.StreamInterceptor(s.journal.intercept(ctx)), grpc.WaitForHandlers(true))
	marketv1.RegisterMarketServiceServer(g, s.market)
	notifyv1.RegisterNotificationServiceServer(g, notifications{})
	jobv1.RegisterJobServiceServer(g, jobs{})
	counterv1.RegisterCounterServiceServer(g, &counter{cleanedUp: s.journal.cleanedUp})
	faultv1.RegisterFaultServiceServer(g, faults{})
	activityv1.RegisterActivityServiceServer(g, s.journal)
	reflection.Register(g)

	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		<-ctx.Done()
		g.Stop()
	})
	return g.Serve(listener)
}

// Streams returns how many streams of a method are open. The name is the full name: demo.market.v1.MarketService/WatchTape.
// Streams may be called at any time.
func (s *Server) Streams(rpc string) int { return s.journal.streams(rpc) }
