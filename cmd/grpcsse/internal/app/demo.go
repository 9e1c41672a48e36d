package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/client"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/backstage"
	server "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
	page "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demopage"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/front"
)

// The demo listens here, unless an option says otherwise or another program listens here already.
const (
	demoAddress     = "127.0.0.1:8080"
	demoGRPCAddress = "127.0.0.1:50051"
)

// crowdPath is the route that the crowd listens to.
const crowdPath = "/tape"

// demoReady is how long the bridge may take to read the schema of a server in the same process.
const demoReady = 10 * time.Second

// demo is `grpcsse demo`: a gRPC server, the bridge, a page, and a crowd that the page can start.
type demo struct {
	Listen string `placeholder:"ADDRESS" help:"Where to listen: 127.0.0.1:8080, or a free port if that is taken."`
	GRPC   string `name:"grpc" placeholder:"ADDRESS" help:"Where the gRPC server listens: 127.0.0.1:50051, or a free port if that is taken."`
}

// Run implements the command. It serves until ctx ends.
func (d *demo) Run(ctx context.Context, t *terminal) (err error) {
	grpcListener, err := demoListen(ctx, t, "--grpc", d.GRPC, demoGRPCAddress)
	if err != nil {
		return err
	}
	upstream := startUpstream(ctx, t, grpcListener)
	defer upstream.Close()
	listener, err := demoListen(ctx, t, "--listen", d.Listen, demoAddress)
	if err != nil {
		return err
	}
	address, target := reachable(listener.Addr()), reachable(grpcListener.Addr())
	show := backstage.NewShow(ctx, upstream, "http://"+address+crowdPath)
	defer show.Stop()
	f, b, err := demoFront(ctx, t, listener, show, target)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	_, err = fmt.Fprintf(t.stdout, "page: http://%s/\ngrpc: %s (plaintext, with reflection)\n", address, target)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return f.Run(ctx)
}

// startUpstream starts the gRPC server.
func startUpstream(ctx context.Context, t *terminal, listener net.Listener) *backstage.Upstream {
	log := t.log.With("from", "gRPC server")
	seed := uint64(time.Now().UnixNano())
	return backstage.StartUpstream(ctx, log, server.NewServer(log, seed), listener)
}

// demoListen opens the address of an option, or else the usual address, or else a free port.
func demoListen(ctx context.Context, t *terminal, option, asked, usual string) (net.Listener, error) {
	address := asked
	if address == "" {
		address = usual
	}
	listener, err := front.Listen(ctx, address)
	switch {
	case !errors.Is(err, syscall.EADDRINUSE):
		return listener, err
	case asked != "":
		return nil, &hintedError{
			err: err, hint: "another program listens there: choose another address with " + option + ", port 0 for a free one",
		}
	}
	free, err := front.Listen(ctx, "127.0.0.1:0")
	if err == nil {
		t.say("%s is taken, so %s is used; %s chooses another", usual, free.Addr(), option)
	}
	return free, err
}

// demoFront returns the listener with the bridge in front of the gRPC server, and with the page in front of the bridge. The
// buttons are in front of both, so that they work while there is no bridge.
func demoFront(
	ctx context.Context, t *terminal, listener net.Listener, show *backstage.Show, upstream string,
) (*front.Front, *backstage.Bridge, error) {
	file := demoFile(reachable(listener.Addr()), upstream)
	cfg, err := config.Parse("demo.yaml", file)
	if err != nil {
		return nil, nil, err
	}
	if isLoopback(listener.Addr().String()) {
		cfg.Server.Hosts = loopbackNames()
	}
	first, err := demoBridge(ctx, t, cfg, show)
	if err != nil {
		return nil, nil, err
	}
	b := backstage.NewBridge(ctx, first, backstage.BridgeSettings{
		Begin:        func(ctx context.Context) (backstage.Life, error) { return demoBridge(ctx, t, cfg, show) },
		DrainTimeout: cfg.Server.DrainTimeout, Listener: listener.Addr(), Log: t.log.With("from", "bridge"),
	})
	handler, err := page.Handler(page.Page{
		Address: reachable(listener.Addr()), Upstream: upstream, Second: secondAddress(ctx), Command: ownCommand(),
		Config: file, Streams: demoStreams(cfg, file),
	}, b)
	if problems := first.Problems(); err == nil && hasErrors(problems) {
		err = problems
	}
	if err != nil {
		return nil, nil, errors.Join(err, b.Close())
	}
	noRoute := func(string) bool { return false } // no route of the demo has the path of the script
	return &front.Front{
		Settings: frontSettings(cfg), Listener: listener, Bridge: b, Handler: client.Beside(show.Buttons(b, handler), noRoute), Log: t.log,
	}, b, nil
}

// demoBridge returns a bridge that has asked the gRPC server for its schema.
func demoBridge(ctx context.Context, t *terminal, cfg *config.Config, show *backstage.Show) (*bridge.Bridge, error) {
	b, err := bridge.New(ctx, cfg, bridge.WithLogger(quiet(t.log)), bridge.WithService(show.Service(), show))
	if err != nil {
		return nil, err
	}
	if err := waitReady(ctx, b, demoReady); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// secondAddress returns an address at which a second bridge on this machine could listen. It was free a moment ago.
func secondAddress(ctx context.Context) string {
	for _, address := range []string{"127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:0"} {
		listener, err := front.Listen(ctx, address)
		if err != nil {
			continue
		}
		defer func() { _ = listener.Close() }() // it has accepted no connection
		return listener.Addr().String()
	}
	return "127.0.0.1:8081"
}

// reachable returns the address of a listener as a browser on this machine can use it.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return fmt.Sprintf("localhost:%d", tcp.Port)
}
