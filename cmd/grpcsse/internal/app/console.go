package app

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/client"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/admin"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/console"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/front"
)

// consoles makes the pages of the console: for the listener for administrators, and for the public one.
type consoles struct {
	local   bool             // the public listener has the console
	history *console.History // nil where no listener has the console
	bridge  *bridge.Bridge
	config  func() *config.Config
	run     sync.WaitGroup
}

// newConsoles returns the consoles for the public listener, if it is to have one, and for that of administrators, if there is one.
func newConsoles(local, forAdmin bool) *consoles {
	c := &consoles{local: local}
	if local || forAdmin {
		c.history = console.NewHistory()
	}
	return c
}

// observe returns the option that lets the console know what happens in the bridge.
func (c *consoles) observe() bridge.Option {
	if c.history == nil {
		return bridge.WithObserver(nil)
	}
	return bridge.WithObserver(c.history)
}

// start takes samples until the function that it returns is called.
func (c *consoles) start(ctx context.Context, b *bridge.Bridge, config func() *config.Config) (stop func()) {
	c.bridge, c.config = b, config
	if c.history == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the last streams are seen too
	c.run.Go(func() { c.history.Run(ctx, b) })
	return func() {
		cancel()
		c.run.Wait()
	}
}

// page returns the console for a listener. apart says that the listener does not serve the routes.
func (c *consoles) page(apart bool) *console.Console {
	return console.New(console.Settings{Bridge: c.bridge, History: c.history, Config: c.config, Apart: apart})
}

// front returns the public listener with the bridge behind it. It has the console where the command line names one gRPC server and
// only this machine reaches the listener, and the script for pages unless a route has the path of the script.
func (c *consoles) front(settings front.Settings, listener net.Listener, log *slog.Logger) *front.Front {
	f := &front.Front{Settings: settings, Listener: listener, Bridge: c.bridge, Handler: c.bridge, Log: log}
	taken := func(path string) bool {
		return slices.ContainsFunc(c.bridge.Routes(), func(r bridge.RouteInfo) bool { return r.Path == path })
	}
	if c.local {
		f.Handler = admin.Local(c.page(false), c.bridge, taken, log)
	}
	f.Handler = client.Beside(f.Handler, taken)
	return f
}
