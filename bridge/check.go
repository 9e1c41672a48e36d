package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
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
	} else {
		_ = b.Ready(ctx) // a schema that did not come in time is a problem of its own
		out = append(out, b.Problems()...)
		_ = b.Close() // nothing was served
	}
	out.Sort()
	return out
}

// Problems returns what is wrong now, sorted by position: upstreams whose schema cannot be read, routes that are out of order
// for another reason, and, as warnings, what is likely to surprise. A schema that cannot be read is told once, and not of
// each route that waits for it.
func (b *Bridge) Problems() config.Problems {
	var out config.Problems
	t := b.table.Load()
	out = append(out, t.problems...)
	for _, u := range b.backends {
		snap, err := u.schema()
		switch {
		case snap == nil:
			out = append(out, u.cfg.Problem("target", unavailable(u, err), ""))
		case b.cfg.ServeAll && len(t.routes) == 0:
			out = append(out, u.cfg.Problem("target", "the upstream has no server-streaming method", ""))
		}
	}
	for _, rt := range t.routes {
		if !rt.waiting {
			out = append(out, rt.problems...)
		}
		out = append(out, rt.warnings...)
	}
	out.Sort()
	return out
}
