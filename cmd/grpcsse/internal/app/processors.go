package app

import (
	"context"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/processors"
)

// governProcessors has the program use one processor where that saves time and is enough, until ctx ends. Of several programs in one
// process, as tests start them, each may change the number.
func governProcessors(ctx context.Context) {
	if p, ok := processors.This(); ok {
		go processors.Govern(ctx, p)
	}
}
