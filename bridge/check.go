package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
)

// Check loads the schema of every upstream and checks the routes against the schemas. It returns the problems and the warnings,
// with those of the configuration, sorted by position. A schema that is not loaded when ctx ends is a problem too.
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
		_ = b.Ready(ctx) // Problems tells which schema was not loaded in time
		out = append(out, b.Problems()...)
		_ = b.Close() // nothing was served
	}
	return catalog.SortProblems(out)
}

// CheckOffline is [Check] without connections: it checks the routes of those upstreams whose schema comes from files. It does
// not check routes of upstreams whose schema comes by reflection.
func CheckOffline(ctx context.Context, cfg *config.Config, opts ...Option) config.Problems {
	if cfg == nil {
		cfg = config.New()
	}
	o := newOptions(opts)
	return catalog.SortProblems(append(catalog.CheckFiles(ctx, cfg, o.catalog()), auth.CheckFiles(&cfg.Auth)...))
}

// Problems returns what is wrong now, sorted by position: upstreams whose schema cannot be read, issuers of tokens whose keys
// cannot be loaded, routes that are out of order for another reason, and warnings. It leaves out the Warnings of the configuration. A schema that cannot be read is one
// problem, however many routes wait for it. The bridge also logs each problem once, when it appears.
func (b *Bridge) Problems() config.Problems {
	problems := append(b.catalog.Problems(), b.auth.Problems()...)
	problems.Sort()
	return problems
}
