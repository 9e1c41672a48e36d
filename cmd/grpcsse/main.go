// Command grpcsse is a gRPC-to-SSE bridge: it serves server-streaming gRPC methods to a browser's EventSource.
//
// Exit codes: 0 is success, 1 is a failure at run time, 2 is a mistake on the command line, 3 is a mistake in the
// configuration.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/app"
)

func main() {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		end()
		<-signals
		os.Exit(1) // a second signal asks for an end at once
	}()
	os.Exit(app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
