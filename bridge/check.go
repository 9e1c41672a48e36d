package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
)

// Check loads the schema of every upstream and checks the routes against them. It returns what is wrong and the warnings,
// those of the configuration among them, sorted by position. Where ctx ends before a schema was loaded, that is a problem.
func Check(ctx context.Context, cfg *config.Config, opts ...Option) config.Problems {
	if cfg == nil {
		cfg = config.New()
	}
	out := slices.Clone(cfg.Warnings)
	b, err := New(ctx, cfg, opts...)
	if problems := (config.Problems)(nil); errors.As(err, &problems) {
		out = append(out, problems...)
	} else if err != nil {
		out = append(out, &config.Problem{Message: err.Error()})
	} else {
		_ = b.Ready(ctx) // a schema that did not come in time is a problem of its own
		out = append(out, b.Problems()...)
		_ = b.Close() // nothing was served
	}
	return catalog.Settled(out)
}

// CheckOffline is [Check] without a connection: it checks the routes of those upstreams whose schema lies in files. Routes
// whose upstream must be asked for its schema are left unchecked.
func CheckOffline(ctx context.Context, cfg *config.Config, opts ...Option) config.Problems {
	if cfg == nil {
		cfg = config.New()
	}
	o := newOptions(opts)
	return catalog.CheckFiles(ctx, cfg, o.catalog())
}

// Problems returns what is wrong now, sorted by position: upstreams whose schema cannot be read, routes that are out of order
// for another reason, and, as warnings, what is likely to surprise beside the configuration's own Warnings. A schema that cannot
// be read is told once, and not of each route that waits for it. What is told of here is logged as well, once, when it comes up.
func (b *Bridge) Problems() config.Problems { return b.catalog.Problems() }
