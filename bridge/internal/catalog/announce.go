package catalog

import (
	"log/slog"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// schemaChanged rebuilds the routes after the schema of an upstream has changed or could not be read.
func (c *Catalog) schemaChanged(u *backend) {
	if _, err := u.schema(); err != nil {
		c.log.Warn("schema cannot be read; trying again", "upstream", u.cfg.Name, "target", u.cfg.Target, "error", explained(u, err))
	}
	if err := c.rebuild(u.server); err != nil {
		c.log.Error("routes keep their old schema", "error", err)
	}
}

// rebuild replaces the table with one for the current schemas after that of changed has changed, and logs what is different. It
// does nothing where the table does not use changed: a reload that is not complete yet reads the schema later.
func (c *Catalog) rebuild(changed *server) error {
	c.rebuilding.Lock()
	defer c.rebuilding.Unlock()
	now := c.table.Load().setup
	if !now.uses(changed) {
		return nil
	}
	return c.replace(now, func() {})
}

// replace replaces the table with one for a setup. It calls accepted just before that. The caller holds c.rebuilding.
func (c *Catalog) replace(s *setup, accepted func()) error {
	old := c.table.Load()
	t, err := newTable(s, c.program, old)
	if err != nil {
		return config.Problems{err}
	}
	accepted()
	c.table.Store(t)
	c.logStates(old, t)
	c.logProblems(t)
	return nil
}

// logStates logs each route whose state differs from its state in the previous table.
func (c *Catalog) logStates(old, now *table) {
	before := make(map[string]string)
	if old != nil {
		for _, rt := range old.routes {
			before[rt.Config.Name] = stateOf(rt)
		}
	}
	for _, rt := range now.routes {
		state, known := before[rt.Config.Name]
		switch {
		case known && state == stateOf(rt), rt.AwaitsSchema:
		case rt.Plan == nil:
			problem := rt.FirstProblem()
			c.log.Warn("route is out of order", slog.String("route", rt.Config.Name), slog.Any("problem", problem), problem.LogHint())
		default:
			c.log.Info("route is served", "route", rt.Config.Name, "rpc", rt.RPC(), "upstream", rt.UpstreamName())
		}
	}
}

func stateOf(rt *route.Route) string {
	if rt.Plan != nil {
		return "served"
	}
	return rt.FirstProblem().Error()
}

// logProblems logs the problems of the upstreams and the warnings of the routes. It leaves out those that were logged for the
// previous table.
func (c *Catalog) logProblems(t *table) {
	problems := slices.Clone(t.problems)
	for _, rt := range t.routes {
		problems = append(problems, without(rt.Warnings, t.setup.cfg.Warnings)...)
	}
	problems.Sort()
	logged := make(map[string]bool, len(problems))
	for _, p := range problems {
		text := p.Error()
		if !logged[text] && !c.logged[text] {
			c.log.Warn(text, p.LogHint())
		}
		logged[text] = true
	}
	c.logged = logged
}
