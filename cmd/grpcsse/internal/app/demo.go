package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/backstage"
	page "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/console"
	server "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

// demoAddress is where the demo listens unless it is told otherwise, or somebody else does.
const demoAddress = "127.0.0.1:8080"

// crowdPath is the route that the crowd listens to.
const crowdPath = "/tape"

// demoReady is how long the bridge may take to read the schema of a server in the same process.
const demoReady = 10 * time.Second

// demo is `grpcsse demo`: a gRPC server, the bridge, a page, and a crowd that the page may call.
type demo struct {
	Listen string `placeholder:"ADDRESS" help:"Where to listen: 127.0.0.1:8080, or a free port if that is taken."`
}

// Run implements the command: it serves until ctx ends.
func (d *demo) Run(ctx context.Context, t *terminal) (err error) {
	upstream, err := startUpstream(ctx, t)
	if err != nil {
		return err
	}
	defer upstream.Close()
	listener, err := d.listen(ctx, t)
	if err != nil {
		return err
	}
	show := backstage.NewShow(ctx, upstream, "http://"+reachable(listener.Addr())+crowdPath)
	defer show.Stop()
	f, err := demoFront(ctx, t, listener, show, upstream.Address())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, f.bridge.Close()) }()
	_, err = fmt.Fprintf(t.stdout, "page: http://%s/\ngrpc: %s (plaintext, with reflection)\n",
		reachable(listener.Addr()), upstream.Address())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return f.run(ctx)
}

// startUpstream starts the gRPC server at a free port.
func startUpstream(ctx context.Context, t *terminal) (*backstage.Upstream, error) {
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	log := t.log.With("from", "gRPC server")
	seed := uint64(time.Now().UnixNano())
	return backstage.StartUpstream(ctx, log, server.NewServer(log, seed), listener), nil
}

// listen opens the address that was asked for, or the usual one, or any.
func (d *demo) listen(ctx context.Context, t *terminal) (net.Listener, error) {
	if d.Listen != "" {
		return listen(ctx, d.Listen)
	}
	listener, err := listen(ctx, demoAddress)
	if errors.Is(err, syscall.EADDRINUSE) {
		t.say("%s is taken, so a free port is used", demoAddress)
		return listen(ctx, "127.0.0.1:0")
	}
	return listener, err
}

// demoFront puts the bridge in front of the gRPC server, and the page with its buttons in front of the bridge.
func demoFront(
	ctx context.Context, t *terminal, listener net.Listener, show *backstage.Show, upstream string,
) (*front, error) {
	file := demoFile(reachable(listener.Addr()), upstream)
	cfg, err := config.Parse("demo.yaml", file)
	if err != nil {
		return nil, err
	}
	b, err := bridge.New(context.WithoutCancel(ctx), cfg, bridge.WithLogger(quiet(t.log)), bridge.WithParking(),
		bridge.WithService(show.Service(), show))
	if err != nil {
		return nil, err
	}
	handler, err := demoPage(ctx, b, page.Page{
		Address: reachable(listener.Addr()), Upstream: upstream, Config: file, Streams: demoStreams(cfg, file),
	})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &front{listener: listener, bridge: b, handler: show.Buttons(handler), settings: cfg.Server, log: t.log}, nil
}

// demoPage returns the page with the bridge behind it, once every route is in order.
func demoPage(ctx context.Context, b *bridge.Bridge, p page.Page) (http.Handler, error) {
	if err := waitReady(ctx, b, demoReady); err != nil {
		return nil, err
	}
	if problems := b.Problems(); hasErrors(problems) {
		return nil, problems
	}
	return page.Handler(p, b)
}

// reachable turns the address of a listener into one that a browser on this machine can use.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return fmt.Sprintf("localhost:%d", tcp.Port)
}
