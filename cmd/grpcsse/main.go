// Command grpcsse is a gRPC-to-SSE bridge: it serves server-streaming gRPC methods to a browser's EventSource.
//
// Exit codes: 0 all went well, 1 something went wrong at run time, 2 the command line is wrong, 3 the configuration is.
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
		os.Exit(1) // whoever asks twice does not want to wait
	}()
	os.Exit(app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
