package catalog

import (
	"context"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// CheckFiles checks the routes of those upstreams whose schema lies in files. Routes whose upstream must be asked for its schema
// are left unchecked. It returns what is wrong and the warnings, those of the configuration among them, sorted by position.
func CheckFiles(ctx context.Context, cfg *config.Config, o Options) config.Problems {
	out := slices.Clone(cfg.Warnings)
	p, problems := newProgram(&o, cfg)
	if problems != nil {
		return Settled(append(out, problems...))
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
		return Settled(append(out, problem))
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
	return Settled(out)
}

// Settled sorts problems, and leaves out warnings of what is an error anyway.
func Settled(problems config.Problems) config.Problems {
	out := slices.DeleteFunc(slices.Clone(problems), func(p *config.Problem) bool {
		return p.Warning && slices.ContainsFunc(problems, func(q *config.Problem) bool {
			return !q.Warning && p.File == q.File && p.Path == q.Path
		})
	})
	out.Sort()
	return out
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
func (c *Catalog) Problems() config.Problems {
	var out config.Problems
	told := map[*config.Problem]bool{} // by several routes
	t := c.table.Load()
	for _, p := range t.problems {
		told[p] = true
		out = append(out, p)
	}
	out = append(out, t.unread...)
	for _, rt := range t.routes {
		if !rt.AwaitsSchema {
			for _, p := range rt.Problems {
				if !told[p] {
					told[p] = true
					out = append(out, p)
				}
			}
		}
		out = append(out, without(rt.Warnings, c.cfg.Warnings)...)
	}
	out.Sort()
	return out
}
