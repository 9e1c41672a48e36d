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

// Server is the gRPC server of the demo: all its services, and server reflection.
type Server struct {
	grpc   *grpc.Server
	market *market
}

// NewServer returns a server that reports to logger what happens to its streams. The seed decides the prices.
func NewServer(logger *slog.Logger, seed uint64) *Server {
	journal := newJournal(logger)
	s := &Server{
		grpc:   grpc.NewServer(grpc.StreamInterceptor(journal.intercept)),
		market: newMarket(seed),
	}
	marketv1.RegisterMarketServiceServer(s.grpc, s.market)
	notifyv1.RegisterNotificationServiceServer(s.grpc, notifications{})
	jobv1.RegisterJobServiceServer(s.grpc, jobs{})
	counterv1.RegisterCounterServiceServer(s.grpc, &counter{cleanedUp: journal.cleanedUp})
	faultv1.RegisterFaultServiceServer(s.grpc, faults{})
	activityv1.RegisterActivityServiceServer(s.grpc, journal)
	reflection.Register(s.grpc)
	return s
}

// Run serves on listener, and closes it, until ctx ends; streams that are open then are cut. When Run returns, no
// goroutine of the server is left. It can be called once.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { s.market.run(ctx) })
	group.Go(func() {
		<-ctx.Done()
		s.grpc.Stop()
	})
	return s.grpc.Serve(listener)
}
