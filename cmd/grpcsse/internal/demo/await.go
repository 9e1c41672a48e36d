package demo

import (
	"context"

	"google.golang.org/grpc/status"
)

// await waits until ready has a value or is closed. The error is the gRPC status of ctx, if ctx ends before that.
func await[T any](ctx context.Context, ready <-chan T) error {
	select {
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-ready:
		return nil
	}
}
