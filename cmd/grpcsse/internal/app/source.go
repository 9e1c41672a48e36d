package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// source is where the configuration comes from: a file, or one gRPC server and no file.
type source struct {
	Config   string `short:"c" placeholder:"FILE" xor:"source" help:"The configuration file."`
	Upstream string `short:"u" placeholder:"HOST:PORT" xor:"source" help:"Instead of a file: serve every server-streaming method of this gRPC server, by reflection, at /<package.Service>/<Method>."`
}

// load reads the configuration. Its warnings go to the log.
func (s source) load(t *terminal) (*config.Config, error) {
	switch {
	case s.Upstream != "":
		return config.ForUpstream(s.Upstream), nil
	case s.Config == "":
		return nil, &usageError{
			err:  errors.New("expected --config with a file, or --upstream with the address of a gRPC server"),
			hint: "to see one at work without either: " + programName + " demo",
		}
	}
	cfg, err := config.Load(s.Config)
	if err != nil {
		return nil, err
	}
	for _, p := range cfg.Warnings {
		t.log.Warn(p.Error(), "hint", p.Hint)
	}
	return cfg, nil
}

// waitReady waits until the schema of every upstream was loaded or could not be loaded once, at most for the given time.
func waitReady(ctx context.Context, b *bridge.Bridge, timeout time.Duration) error {
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer cancel()
	if err := b.Ready(within); err != nil {
		return fmt.Errorf("read the schemas of the upstreams: %w", err)
	}
	return nil
}
