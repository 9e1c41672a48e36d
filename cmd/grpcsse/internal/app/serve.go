package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/metrics"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/front"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/telemetry"
)

// serve is `grpcsse serve`.
type serve struct {
	source

	Listen  string        `placeholder:"ADDRESS" help:"Where to listen, instead of server.listen: host:port."`
	Strict  bool          `help:"Refuse to start unless every route is in order."`
	Timeout time.Duration `default:"10s" help:"With --strict: how long to wait for the schemas of the gRPC servers."`
}

// Run implements the command. It serves until ctx ends, and then until the last stream has ended.
func (s *serve) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := s.load(t)
	if err != nil {
		return err
	}
	limitMemory(t.log, memlimit.FromCgroup)
	listener, err := front.Passed(s.wanted(cfg))
	if err != nil {
		return err
	}
	if s.Listen != "" {
		cfg.Server.Listen = s.Listen
		for _, p := range cfg.Server.Validate() {
			return &usageError{err: errors.New("--listen: " + p.Error()), hint: p.Hint}
		}
	}
	address := cfg.Server.Listen
	if listener != nil {
		defer func() { _ = listener.Close() }() // it is closed already, unless the program could not start
		address = listener.Addr().String()
	}
	if s.Upstream != "" && isLoopback(address) {
		cfg.Server.Hosts = loopbackNames()
	}
	spans, err := telemetry.Start(ctx, built(), t.log)
	if err != nil {
		return &hintedError{err: err, hint: "OTEL_TRACES_EXPORTER=none exports no spans"}
	}
	defer spans.Stop(ctx) // after the bridge, whose last streams have spans
	lines := newAccessLog(t.stdout, cfg.Server.AccessLog)
	counted := metrics.New()
	b, err := bridge.New(ctx, cfg, bridge.WithLogger(t.log), bridge.WithAccessLog(slog.New(lines)),
		bridge.WithTracerProvider(spans.Provider()), bridge.WithObserver(counted))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	aside, err := openSides(ctx, b, control{config: func() *config.Config { return cfg }, counted: counted}, t.log)
	if err != nil {
		return err
	}
	defer aside.close(ctx)
	if s.Strict {
		if err := s.demandOrder(ctx, b); err != nil {
			return err
		}
	}
	if listener == nil {
		if listener, err = front.Listen(ctx, address); err != nil {
			return err
		}
	}
	f := front.Front{Settings: frontSettings(cfg), Listener: listener, Bridge: b, Handler: b, Log: t.log}
	sayRoom(t.log, f.Settings)
	t.log.Info("listening", "address", listener.Addr().String(), "tls", cfg.Server.TLS != nil)
	aside.health.Listening()
	return f.Run(ctx)
}

// wanted returns the address that was asked for, "" where it is only the default.
func (s *serve) wanted(cfg *config.Config) string {
	switch {
	case s.Listen != "":
		return s.Listen
	case s.Config != "" && cfg.Server.Listen != defaultListen:
		return cfg.Server.Listen
	}
	return ""
}

// defaultListen is the default of server.listen.
const defaultListen = ":8080"

// demandOrder returns an error unless every route is ready.
func (s *serve) demandOrder(ctx context.Context, b *bridge.Bridge) error {
	if err := waitReady(ctx, b, s.Timeout); err != nil {
		return err
	}
	if problems := b.Problems(); hasErrors(problems) {
		return problems
	}
	return nil
}
