package demo_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
	activityv1 "github.com/grpcsse/grpcsse/gen/demo/activity/v1"
	counterv1 "github.com/grpcsse/grpcsse/gen/demo/counter/v1"
	faultv1 "github.com/grpcsse/grpcsse/gen/demo/fault/v1"
	jobv1 "github.com/grpcsse/grpcsse/gen/demo/job/v1"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
	notifyv1 "github.com/grpcsse/grpcsse/gen/demo/notify/v1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// serve runs the demo server on a free loopback port until the test ends.
func serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	s := newServer(t)
	connection, _ := s.start(t)
	return connection
}

// traded is a server whose exchange is open until the test ends.
type traded struct{ *demo.Server }

func newServer(t *testing.T) traded {
	t.Helper()
	s := traded{demo.NewServer(slog.New(slog.DiscardHandler), 1)}
	ctx, stop := context.WithCancel(t.Context())
	var trading sync.WaitGroup
	trading.Go(func() { s.Trade(ctx) })
	t.Cleanup(func() {
		stop()
		trading.Wait()
	})
	return s
}

// start serves on a free loopback port until stop is called, or the test ends.
func (s traded) start(t *testing.T) (connection *grpc.ClientConn, stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, listener) }()
	connection, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-stopped)
	})
	t.Cleanup(func() {
		assert.NoError(t, connection.Close())
		stop()
	})
	return connection, stop
}

func TestEveryServiceAnswersOverGRPC(t *testing.T) {
	connection := serve(t)
	ctx := t.Context()

	quotes, err := marketv1.NewMarketServiceClient(connection).WatchQuotes(ctx, &marketv1.WatchQuotesRequest{Symbol: "MSFT"})
	require.NoError(t, err)
	quote, err := quotes.Recv()
	require.NoError(t, err)
	assert.Equal(t, "MSFT", quote.GetSymbol())

	news, err := notifyv1.NewNotificationServiceClient(connection).WatchNotifications(ctx, &notifyv1.WatchNotificationsRequest{})
	require.NoError(t, err)
	notification, err := news.Recv()
	require.NoError(t, err)
	assert.NotEmpty(t, notification.GetMessage())

	job, err := jobv1.NewJobServiceClient(connection).RunJob(ctx, &jobv1.RunJobRequest{Name: "backup"})
	require.NoError(t, err)
	progress, err := job.Recv()
	require.NoError(t, err)
	assert.Equal(t, "backup", progress.GetName())

	count, err := counterv1.NewCounterServiceClient(connection).Count(ctx, &counterv1.CountRequest{})
	require.NoError(t, err)
	number, err := count.Recv()
	require.NoError(t, err)
	assert.EqualValues(t, 1, number.GetCount())

	fault, err := faultv1.NewFaultServiceClient(connection).StreamThenFail(ctx, &faultv1.StreamThenFailRequest{
		Code: faultv1.Code_PERMISSION_DENIED,
	})
	require.NoError(t, err)
	_, err = fault.Recv()
	assert.Equal(t, codes.PermissionDenied, status.Code(err))
}

func TestReflectionListsTheServices(t *testing.T) {
	stream, err := reflectionv1.NewServerReflectionClient(serve(t)).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}))
	answer, err := stream.Recv()
	require.NoError(t, err)
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	assert.Subset(t, names, []string{
		"demo.activity.v1.ActivityService", "demo.counter.v1.CounterService", "demo.fault.v1.FaultService",
		"demo.job.v1.JobService", "demo.market.v1.MarketService", "demo.notify.v1.NotificationService",
	})
}

func TestActivityTellsWhatBecameOfAStream(t *testing.T) {
	connection := serve(t)
	activities, err := activityv1.NewActivityServiceClient(connection).WatchActivity(t.Context(), &activityv1.WatchActivityRequest{})
	require.NoError(t, err)
	_, err = activities.Header() // from here on it watches
	require.NoError(t, err)

	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	count, err := counterv1.NewCounterServiceClient(connection).Count(ctx, &counterv1.CountRequest{})
	require.NoError(t, err)
	_, err = count.Recv()
	require.NoError(t, err)

	opened, err := activities.Recv()
	require.NoError(t, err)
	assert.NotNil(t, opened.GetOpened())
	assert.Equal(t, "demo.counter.v1.CounterService/Count", opened.GetRpc())
	assert.EqualValues(t, 1, opened.GetStream())
	assert.EqualValues(t, 1, opened.GetSequence())
	assert.Contains(t, opened.GetPeer(), "127.0.0.1:")

	leave()
	cleanedUp, err := activities.Recv()
	require.NoError(t, err)
	assert.Equal(t, "the timer was stopped at 1 of 100", cleanedUp.GetCleanedUp().GetNote())
	cancelled, err := activities.Recv()
	require.NoError(t, err)
	require.NotNil(t, cancelled.GetCancelled())
	assert.EqualValues(t, 1, cancelled.GetCancelled().GetMessages())
	assert.EqualValues(t, 1, cancelled.GetStream())

	fault, err := faultv1.NewFaultServiceClient(connection).StreamThenFail(t.Context(), &faultv1.StreamThenFailRequest{
		Code: faultv1.Code_DATA_LOSS,
	})
	require.NoError(t, err)
	_, err = fault.Recv()
	require.Error(t, err)
	_, err = activities.Recv() // opened
	require.NoError(t, err)
	ended, err := activities.Recv()
	require.NoError(t, err)
	assert.Equal(t, "DATA_LOSS", ended.GetEnded().GetCode())

	resumed, err := activityv1.NewActivityServiceClient(connection).WatchActivity(t.Context(),
		&activityv1.WatchActivityRequest{AfterSequence: new(cancelled.GetSequence())})
	require.NoError(t, err)
	next, err := resumed.Recv()
	require.NoError(t, err)
	assert.Equal(t, cancelled.GetSequence()+1, next.GetSequence())
}

// tape reads the exchange's tape behind a sequence number, or from now on if that is 0.
func tape(t *testing.T, connection *grpc.ClientConn, after int64) grpc.ServerStreamingClient[marketv1.Quote] {
	t.Helper()
	request := &marketv1.WatchTapeRequest{}
	if after != 0 {
		request.AfterSequence = &after
	}
	stream, err := marketv1.NewMarketServiceClient(connection).WatchTape(t.Context(), request)
	require.NoError(t, err)
	return stream
}

func TestWhatServicesRememberOutlivesTheServer(t *testing.T) {
	const rpc = "demo.market.v1.MarketService/WatchTape"
	s := newServer(t)
	connection, kill := s.start(t)
	activities, err := activityv1.NewActivityServiceClient(connection).WatchActivity(t.Context(), &activityv1.WatchActivityRequest{})
	require.NoError(t, err)
	_, err = activities.Header()
	require.NoError(t, err)
	quotes := tape(t, connection, 0)
	quote, err := quotes.Recv()
	require.NoError(t, err)
	last := quote.GetSequence()
	assert.Equal(t, 1, s.Streams(rpc))

	kill()
	assert.Zero(t, s.Streams(rpc))
	for err == nil { // what was on its way may still be there
		if quote, err = quotes.Recv(); err == nil {
			last = quote.GetSequence()
		}
	}
	assert.Equal(t, codes.Unavailable, status.Code(err))

	connection, _ = s.start(t)
	quotes = tape(t, connection, last)
	for range 5 {
		quote, err = quotes.Recv()
		require.NoError(t, err)
		last++
		assert.Equal(t, last, quote.GetSequence())
	}
	activities, err = activityv1.NewActivityServiceClient(connection).WatchActivity(t.Context(),
		&activityv1.WatchActivityRequest{AfterSequence: new(int64(1))}) // 1 is the opening
	require.NoError(t, err)
	cut, err := activities.Recv()
	require.NoError(t, err)
	assert.Equal(t, "UNAVAILABLE", cut.GetEnded().GetCode(), "the client did not cancel the stream that was cut")
	assert.Equal(t, rpc, cut.GetRpc())
}
