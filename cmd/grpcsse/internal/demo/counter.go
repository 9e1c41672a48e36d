package demo

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	counterv1 "github.com/grpcsse/grpcsse/gen/demo/counter/v1"
)

// countGoal is the last number of a count. A number comes every countGap.
const (
	countGoal = 100
	countGap  = time.Second
)

// counter is the service that counts, and reports when it has cleaned up.
type counter struct {
	counterv1.UnimplementedCounterServiceServer

	// cleanedUp is called after every clean-up. It may be called concurrently.
	cleanedUp func(ctx context.Context, note string)
}

// Count implements counterv1.CounterServiceServer.
func (c *counter) Count(_ *counterv1.CountRequest, stream grpc.ServerStreamingServer[counterv1.CountUpdate]) error {
	ticker := time.NewTicker(countGap)
	count := int32(1)
	defer func() {
		ticker.Stop()
		c.cleanedUp(stream.Context(), fmt.Sprintf("the timer was stopped at %d of %d", count, countGoal))
	}()
	for {
		if err := stream.Send(&counterv1.CountUpdate{Count: count, Goal: countGoal}); err != nil {
			return err
		}
		if count == countGoal {
			return nil
		}
		if err := await(stream.Context(), ticker.C); err != nil {
			return err
		}
		count++
	}
}
