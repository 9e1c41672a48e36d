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
	} else if err != nil {
		out = append(out, &config.Problem{Message: err.Error()})
	} else {
		_ = b.Ready(ctx) // a schema that did not come in time is a problem of its own
		out = append(out, b.Problems()...)
		_ = b.Close() // nothing was served
	}
	return settled(out)
}

// settled sorts problems, and leaves out warnings of what is an error anyway.
func settled(problems config.Problems) config.Problems {
	out := slices.DeleteFunc(slices.Clone(problems), func(p *config.Problem) bool {
		return p.Warning && slices.ContainsFunc(problems, func(q *config.Problem) bool {
			return !q.Warning && p.File == q.File && p.Path == q.Path
		})
	})
	out.Sort()
	return out
}

// CheckOffline is [Check] without a connection: it checks the routes of those upstreams whose schema lies in files. Routes
// whose upstream must be asked for its schema are left unchecked.
func CheckOffline(ctx context.Context, cfg *config.Config, opts ...Option) config.Problems {
	if cfg == nil {
		cfg = config.New()
	}
	var o options
	for _, opt := range opts {
		opt.apply(&o)
	}
	out := slices.Clone(cfg.Warnings)
	p, problems := newProgram(&o, cfg)
	if problems != nil {
		return settled(append(out, problems...))
	}
	var backends []*backend
	unknown := false
	for _, u := range cfg.Upstreams {
		snap, err := localSchema(ctx, u)
		if err != nil {
			out = append(out, schemaProblem(u, err))
		}
		unknown = unknown || snap == nil
		backends = append(backends, &backend{cfg: u, snapshot: snap})
	}
	t, problem := newTable(cfg, backends, p, nil)
	if problem != nil {
		return settled(append(out, problem))
	}
	out = append(out, t.problems...)
	for _, rt := range t.routes {
		switch {
		case rt.AwaitsSchema, rt.Upstream == "" && unknown: // its upstream may have what is missed
		default:
			out = append(out, rt.Problems...)
			out = append(out, without(rt.Warnings, cfg.Warnings)...)
		}
	}
	return settled(out)
}

// without returns the problems that are not said already.
func without(problems, said config.Problems) config.Problems {
	return slices.DeleteFunc(slices.Clone(problems), func(p *config.Problem) bool {
		return slices.ContainsFunc(said, func(q *config.Problem) bool { return p.Error() == q.Error() })
	})
}

// Problems returns what is wrong now, sorted by position: upstreams whose schema cannot be read, routes that are out of order
// for another reason, and, as warnings, what is likely to surprise beside the configuration's own Warnings. A schema that cannot
// be read is told once, and not of each route that waits for it. What is told of here is logged as well, once, when it comes up.
func (b *Bridge) Problems() config.Problems {
	var out config.Problems
	told := map[*config.Problem]bool{} // by several routes
	t := b.table.Load()
	for _, p := range t.problems {
		told[p] = true
		out = append(out, p)
	}
	for _, u := range b.backends {
		if snap, err := u.schema(); snap == nil {
			out = append(out, u.cfg.Problem("target", unavailable(u, err), ""))
		}
	}
	for _, rt := range t.routes {
		if !rt.AwaitsSchema {
			for _, p := range rt.Problems {
				if !told[p] {
					told[p] = true
					out = append(out, p)
				}
			}
		}
		out = append(out, without(rt.Warnings, b.cfg.Warnings)...)
	}
	out.Sort()
	return out
}
