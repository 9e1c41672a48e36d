package demo

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	activityv1 "github.com/grpcsse/grpcsse/gen/demo/activity/v1"
)

// activitiesKept is how many activities are kept for a watcher that comes back.
const activitiesKept = 256

// journal records what happens to the streams of the server, and publishes the records as a stream of its own.
type journal struct {
	activityv1.UnimplementedActivityServiceServer

	logger     *slog.Logger
	activities *history[*activityv1.Activity]

	mu     sync.Mutex
	opened int32          // guarded by mu; how many streams were opened so far
	open   map[string]int // guarded by mu; how many are open now, by method
}

func newJournal(logger *slog.Logger) *journal {
	return &journal{
		logger: logger, activities: newHistory[*activityv1.Activity](activitiesKept), open: make(map[string]int),
	}
}

// enter counts a stream that was opened, and returns its number.
func (j *journal) enter(rpc string) int32 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.opened++
	j.open[rpc]++
	return j.opened
}

// leave counts a stream that has ended.
func (j *journal) leave(rpc string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open[rpc]--
}

// streams returns how many streams of a method are open.
func (j *journal) streams(rpc string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.open[rpc]
}

// recorded is one stream that the journal records. It counts the messages that are sent.
type recorded struct {
	grpc.ServerStream

	ctx      context.Context // holds the recorded; see recordedKey
	number   int32
	rpc      string
	peer     string
	messages int32 // only the goroutine of the method sends, and writes this
}

type recordedKey struct{}

// Context implements grpc.ServerStream.
func (r *recorded) Context() context.Context { return r.ctx }

// SendMsg implements grpc.ServerStream.
func (r *recorded) SendMsg(message any) error {
	err := r.ServerStream.SendMsg(message)
	if err == nil {
		r.messages++
	}
	return err
}

// intercept returns an interceptor that records the opening and the end of every server stream. It leaves out reflection, and
// the streams of the journal itself. life ends with the server: a stream that ends with it was not cancelled by the client.
func (j *journal) intercept(life context.Context) grpc.StreamServerInterceptor {
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if info.IsClientStream || info.FullMethod == activityv1.ActivityService_WatchActivity_FullMethodName {
			return handler(server, stream)
		}
		r := &recorded{ServerStream: stream, rpc: strings.TrimPrefix(info.FullMethod, "/")}
		r.number = j.enter(r.rpc)
		defer j.leave(r.rpc)
		r.ctx = context.WithValue(stream.Context(), recordedKey{}, r)
		if p, ok := peer.FromContext(stream.Context()); ok && p.Addr != nil {
			r.peer = p.Addr.String()
		}
		opened := time.Now()
		j.record(r, &activityv1.Activity{What: &activityv1.Activity_Opened{Opened: &activityv1.Opened{}}})
		j.logger.Info("stream opened", "stream", r.number, "rpc", r.rpc)
		err := handler(server, r)
		j.ended(r, err, time.Since(opened).Truncate(time.Millisecond), life.Err() != nil)
		return err
	}
}

// ended records how a stream ended. err is the error of the method, which counts unless the stream was cut with the server.
func (j *journal) ended(r *recorded, err error, after time.Duration, cut bool) {
	attributes := []any{"stream", r.number, "rpc", r.rpc, "after", after, "messages", r.messages}
	if !cut && err != nil && errors.Is(r.ServerStream.Context().Err(), context.Canceled) {
		j.record(r, &activityv1.Activity{What: &activityv1.Activity_Cancelled{Cancelled: &activityv1.Cancelled{
			After: durationpb.New(after), Messages: r.messages,
		}}})
		j.logger.Info("stream cancelled by the client", attributes...)
		return
	}
	ending := code.Code(status.Code(err))
	if cut {
		ending = code.Code_UNAVAILABLE // what a client of a server finds that is gone
	}
	j.record(r, &activityv1.Activity{What: &activityv1.Activity_Ended{Ended: &activityv1.Ended{
		After: durationpb.New(after), Messages: r.messages, Code: ending.String(),
	}}})
	j.logger.Info("stream ended", append(attributes, "code", ending.String())...)
}

// cleanedUp records that the method of ctx's stream has released what it held.
func (j *journal) cleanedUp(ctx context.Context, note string) {
	r, ok := ctx.Value(recordedKey{}).(*recorded)
	if !ok {
		return
	}
	j.record(r, &activityv1.Activity{What: &activityv1.Activity_CleanedUp{CleanedUp: &activityv1.CleanedUp{Note: note}}})
	j.logger.Info("cleaned up", "stream", r.number, "rpc", r.rpc, "note", note)
}

// record fills in the fields that all activities have, and publishes the activity.
func (j *journal) record(r *recorded, activity *activityv1.Activity) {
	activity.Stream, activity.Rpc, activity.Peer = r.number, r.rpc, r.peer
	activity.Time = timestamppb.New(time.Now().Truncate(time.Millisecond))
	j.activities.add(func(sequence int64) *activityv1.Activity {
		activity.Sequence = sequence
		return activity
	})
}

// WatchActivity implements activityv1.ActivityServiceServer.
func (j *journal) WatchActivity(
	request *activityv1.WatchActivityRequest, stream grpc.ServerStreamingServer[activityv1.Activity],
) error {
	return j.activities.serve(stream, request.AfterSequence, stream.Send)
}
