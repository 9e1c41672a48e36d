package catalog

import (
	"context"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// CheckFiles checks the routes of those upstreams whose schema comes from files. It does not check routes of upstreams whose
// schema comes by reflection. It returns the problems and the warnings, with those of the configuration, sorted by position.
func CheckFiles(ctx context.Context, cfg *config.Config, o Options) config.Problems {
	out := slices.Clone(cfg.Warnings)
	p, problems := newProgram(&o, cfg)
	if problems != nil {
		return SortProblems(append(out, problems...))
	}
	var backends []*backend
	unknown := false
	for _, u := range cfg.Upstreams {
		snap, err := localSchema(ctx, u)
		if err != nil {
			out = append(out, schemaProblem(u, err))
		}
		unknown = unknown || snap == nil
		backends = append(backends, &backend{cfg: u, server: &server{snapshot: snap}})
	}
	t, problem := newTable(&setup{cfg, backends}, p, nil)
	if problem != nil {
		return SortProblems(append(out, problem))
	}
	out = append(out, t.problems...)
	for _, rt := range t.routes {
		switch {
		case rt.AwaitsSchema, rt.Upstream == "" && unknown: // an upstream whose schema is unknown may have the service
		default:
			out = append(out, rt.Problems...)
			out = append(out, without(rt.Warnings, cfg.Warnings)...)
		}
	}
	return SortProblems(out)
}

// SortProblems returns problems sorted by position. It leaves out a warning where an error has the same position.
func SortProblems(problems config.Problems) config.Problems {
	out := slices.DeleteFunc(slices.Clone(problems), func(p *config.Problem) bool {
		return p.Warning && slices.ContainsFunc(problems, func(q *config.Problem) bool {
			return !q.Warning && p.File == q.File && p.Path == q.Path
		})
	})
	out.Sort()
	return out
}

// without returns the problems that are not in known.
func without(problems, known config.Problems) config.Problems {
	return slices.DeleteFunc(slices.Clone(problems), func(p *config.Problem) bool {
		return slices.ContainsFunc(known, func(q *config.Problem) bool { return p.Error() == q.Error() })
	})
}

// Problems returns what is wrong now, sorted by position: upstreams whose schema cannot be read, routes that are out of order
// for another reason, and warnings. It leaves out the Warnings of the configuration. A schema that cannot be read is one
// problem, however many routes wait for it.
func (c *Catalog) Problems() config.Problems {
	var out config.Problems
	seen := map[*config.Problem]bool{} // several routes may share a problem
	t := c.table.Load()
	for _, p := range t.problems {
		seen[p] = true
		out = append(out, p)
	}
	out = append(out, t.unread...)
	for _, rt := range t.routes {
		if !rt.AwaitsSchema {
			for _, p := range rt.Problems {
				if !seen[p] {
					seen[p] = true
					out = append(out, p)
				}
			}
		}
		out = append(out, without(rt.Warnings, t.setup.cfg.Warnings)...)
	}
	out.Sort()
	return out
}
