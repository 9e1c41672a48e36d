package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/metrics"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/front"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/memory"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/telemetry"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/watch"
)

// serve is `grpcsse serve`.
type serve struct {
	source
	trial

	Listen  string        `placeholder:"ADDRESS" help:"Where to listen, instead of server.listen: host:port."`
	Strict  bool          `help:"Refuse to start unless every route is in order."`
	Timeout time.Duration `default:"10s" help:"With --strict: how long to wait for the schemas of the gRPC servers."`
}

// Run implements the command. It serves until ctx ends, and then until the last stream has ended.
func (s *serve) Run(ctx context.Context, t *terminal) (err error) {
	hangups, ignore := catchHangups()
	defer ignore()
	began := time.Now()
	seen := watch.Look(watch.Files{Names: s.named()})
	files := &config.Files{}
	cfg, passed, err := s.begin(t, files)
	if err != nil {
		return err
	}
	if passed != nil {
		defer func() { _ = passed.Close() }() // it is closed already, unless the program could not start
	}
	spans, err := startTracing(ctx, t.log)
	if err != nil {
		return err
	}
	defer spans.Stop(ctx) // after the bridge, whose last streams have spans
	lines := newAccessLog(t.stdout, cfg.Server.AccessLog)
	counted := metrics.New()
	pages := newConsoles(s.local(cfg, passed), cfg.Server.Admin != nil)
	b, shared, end, err := s.openBridge(ctx, cfg, t.log, bridge.WithAccessLog(slog.New(lines)),
		bridge.WithTracerProvider(spans.Provider()), bridge.WithObserver(counted), pages.observe())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if shared.part != nil {
		counted.ReadCluster(shared.part)
	}
	r := s.reloader(t, b, lines, passed)
	r.observe = func(result reloaded) { countReload(counted, result) }
	r.began(cfg, files)
	aside, err := openSides(ctx, b, r.control(counted, shared), pages, t.log)
	if err != nil {
		return err
	}
	defer aside.close(ctx)
	if s.Strict {
		if err := s.demandOrder(ctx, b); err != nil {
			return err
		}
	}
	listener, err := listen(ctx, passed, cfg.Server.Listen)
	if err != nil {
		return err
	}
	defer r.start(ctx, hangups, seen, began)()
	tuneRuntime(ctx, cfg.Server.TLS != nil)
	f := pages.front(frontSettings(cfg), listener, t.log)
	f.Handler, f.DrainTimeout = aside.document.Beside(f.Handler), r.DrainTimeout
	sayRoom(t.log, f.Settings)
	s.say(t, listener.Addr())
	t.log.Info("listening", "address", listener.Addr().String(), "tls", cfg.Server.TLS != nil)
	aside.health.Listening()
	return f.Run(ctx)
}

// begin reads the configuration, with the flags that override it. passed is the listener that the program was given, or nil.
func (s *serve) begin(t *terminal, files *config.Files) (cfg *config.Config, passed net.Listener, err error) {
	if err := s.trial.begin(); err != nil {
		return nil, nil, err
	}
	if cfg, err = s.configuration(t, files); err != nil {
		return nil, nil, err
	}
	memory.Limit(t.log)
	if passed, err = front.Passed(s.wanted(cfg)); err != nil {
		return nil, nil, err
	}
	if err := s.override(cfg, passed); err != nil {
		if passed != nil {
			_ = passed.Close() // it has accepted no connection
		}
		return nil, nil, err
	}
	return cfg, passed, nil
}

// openBridge returns the bridge for a configuration, its part in the cluster that the configuration describes, and a function that
// closes both.
func (s *serve) openBridge(
	ctx context.Context, cfg *config.Config, log *slog.Logger, options ...bridge.Option,
) (b *bridge.Bridge, shared membership, end func() error, err error) {
	shared, err = join(cfg.Server.Cluster, s.secret, log)
	if err != nil {
		return nil, membership{}, nil, err
	}
	b, err = bridge.New(ctx, cfg, append(options, bridge.WithLogger(log), shared.option())...)
	if err != nil {
		shared.leave()
		return nil, membership{}, nil, err
	}
	return b, shared, func() error {
		defer shared.leave()
		return b.Close()
	}, nil
}

// startTracing begins to export spans, where the environment asks for that.
func startTracing(ctx context.Context, log *slog.Logger) (*telemetry.Telemetry, error) {
	spans, err := telemetry.Start(ctx, built(), log)
	if err != nil {
		return nil, &hintedError{err: err, hint: "OTEL_TRACES_EXPORTER=none exports no spans"}
	}
	return spans, nil
}

// listen opens the public listener, unless one was passed to the program.
func listen(ctx context.Context, passed net.Listener, address string) (net.Listener, error) {
	if passed != nil {
		return passed, nil
	}
	return front.Listen(ctx, address)
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

// configuration reads the configuration, without the flags that override it. It notes in files what it reads.
func (s *serve) configuration(t *terminal, files *config.Files) (*config.Config, error) {
	cfg, err := s.load(t, config.WithFiles(files))
	if err != nil {
		return nil, err
	}
	if s.Upstream != "" {
		files.Names = s.named()
		if len(s.Proto) > 0 {
			files.ImportPaths = cfg.Upstreams[0].Schema.Proto.ImportPaths
		}
	}
	return cfg, nil
}

// override applies the flags to a configuration. passed is the listener that the program was given, or nil.
func (s *serve) override(cfg *config.Config, passed net.Listener) error {
	if s.Listen != "" {
		cfg.Server.Listen = s.Listen
		for _, p := range cfg.Server.Validate() {
			return &usageError{err: errors.New("--listen: " + p.Error()), hint: p.Hint}
		}
	}
	if s.local(cfg, passed) {
		cfg.Server.Hosts = loopbackNames()
	}
	return s.apply(cfg, s.Upstream != "")
}

// local reports whether the program serves one gRPC server, without a file and for this machine only. passed is the listener that
// the program was given, or nil.
func (s *serve) local(cfg *config.Config, passed net.Listener) bool {
	address := cfg.Server.Listen
	if passed != nil {
		address = passed.Addr().String()
	}
	return s.Upstream != "" && isLoopback(address)
}

// named returns the files that the command line names.
func (s *serve) named() (names []string) {
	for _, name := range []string{s.Config, s.DescriptorSet} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// reloader returns what replaces the configuration of the bridge.
func (s *serve) reloader(t *terminal, b *bridge.Bridge, lines *accessLog, passed net.Listener) *reloader {
	return &reloader{
		log:   t.log,
		fixed: len(s.named())+len(s.Proto) == 0,
		load: func(files *config.Files) (*config.Config, error) {
			cfg, err := s.configuration(t, files)
			if err == nil {
				err = s.override(cfg, passed)
			}
			return cfg, err
		},
		apply: func(ctx context.Context, cfg *config.Config) error {
			if s.Strict {
				if problems := s.strictly(ctx, cfg); hasErrors(problems) {
					return problems
				}
			}
			if err := b.Reload(ctx, cfg); err != nil {
				return err
			}
			lines.set(cfg.Server.AccessLog)
			return nil
		},
	}
}

// strictly returns the problems of a configuration, together with those that only the schemas show.
func (s *serve) strictly(ctx context.Context, cfg *config.Config) config.Problems {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return bridge.Check(ctx, cfg)
}

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

// countReload tells the metrics of a reload that failed, also where the bridge was not asked. The bridge itself tells of success.
func countReload(counted *metrics.Metrics, result reloaded) {
	if result.Err != nil {
		counted.Reloaded(bridge.Reload{Err: result.Err})
	}
}
