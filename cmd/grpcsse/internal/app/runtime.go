package app

import (
	"context"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/memory"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/processors"
)

// tuneRuntime has the Go runtime suit a bridge, until ctx ends. secure says that the program itself does TLS. Then a heap that
// grows is collected as usual: otherwise an idle browser would take a quarter more memory, since what stays would be spread over more
// pages. Of several programs in one process, as tests start them, each may change the same settings.
func tuneRuntime(ctx context.Context, secure bool) {
	go memory.GiveBackWhenQuiet(ctx)
	if !secure {
		go memory.KeepFloor(ctx)
	}
	if p, ok := processors.This(); ok {
		go processors.Govern(ctx, p)
	}
}
