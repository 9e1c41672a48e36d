package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/metrics"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/admin"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/health"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sidedoor"
)

// sides are the listeners beside the public one: for probes and for administrators. They serve until the last stream has ended.
type sides struct {
	health *health.Health
	doors  []*sidedoor.Door
	// document describes the routes, to administrators, and to everybody where the configuration says so.
	document *openapi.Handler
	stop     func() // ends the samples for the console
}

// control is what an operator may see and do beside the bridge.
type control struct {
	config func() *config.Config       // the configuration that is in force
	reload func(context.Context) error // nil where there is no file to load
	// reloads tells how the reloads went.
	reloads func() admin.Reloads
	// counted shows the metrics on the listener for probes.
	counted *metrics.Metrics
	shared  membership
}

// openSides opens the listeners that the configuration has. ctx ends when the program begins to end.
func openSides(ctx context.Context, b *bridge.Bridge, of control, console *consoles, log *slog.Logger) (*sides, error) {
	cfg := of.config()
	s := &sides{health: health.New(b.Upstreams), stop: console.start(ctx, b, of.config), document: openapi.NewHandler(b, of.config)}
	context.AfterFunc(ctx, s.health.Drain)
	if address := cfg.Server.Health; address != "" {
		listener, err := listenAside(ctx, "server.health", address)
		if err != nil {
			s.close(ctx)
			return nil, err
		}
		s.doors = append(s.doors, sidedoor.Open(ctx, "health", listener, s.health.Handler(of.counted.Handler()), log))
	}
	if cfg.Server.Admin == nil {
		return s, nil
	}
	settings := admin.Settings{
		Admin: *cfg.Server.Admin, Bridge: b, Config: of.config, Reload: of.reload, Reloads: of.reloads, Log: log,
		Console: console.page(true), Document: s.document,
	}
	if of.shared.part != nil {
		settings.Cluster = of.shared.part
	}
	pages, err := admin.New(settings)
	var listener net.Listener
	if err == nil {
		listener, err = listenAside(ctx, "server.admin.listen", cfg.Server.Admin.Listen)
	}
	if err != nil {
		s.close(ctx)
		return nil, err
	}
	s.doors = append(s.doors, sidedoor.Open(ctx, "admin", listener, pages, log))
	return s, nil
}

func (s *sides) close(ctx context.Context) {
	for _, door := range s.doors {
		door.Close(ctx)
	}
	s.stop()
}

// listenAside opens the listener that a key names.
func listenAside(ctx context.Context, key, address string) (net.Listener, error) {
	var settings net.ListenConfig
	listener, err := settings.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &hintedError{err: fmt.Errorf("%s: %w", key, err), hint: "choose another address for `" + key + "`"}
	}
	return listener, nil
}
