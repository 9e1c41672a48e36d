package catalog

import (
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// schemaChanged rebuilds the routes after an upstream's schema, or what is known of it, has changed.
func (c *Catalog) schemaChanged(u *backend) {
	if _, err := u.schema(); err != nil {
		c.log.Warn("schema cannot be read; trying again", "upstream", u.cfg.Name, "target", u.cfg.Target, "error", explained(u, err))
	}
	if err := c.renew(); err != nil {
		c.log.Error("routes keep their old schema", "error", err)
	}
}

// renew swaps in a table for the schemas as they are now, and says what changed.
func (c *Catalog) renew() error {
	c.rebuild.Lock()
	defer c.rebuild.Unlock()
	old := c.table.Load()
	t, err := newTable(c.cfg, c.backends, c.program, old)
	if err != nil {
		return config.Problems{err}
	}
	c.table.Store(t)
	c.announce(old, t)
	c.remark(t)
	return nil
}

// announce logs each route whose state differs from that in the table before.
func (c *Catalog) announce(old, now *table) {
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
			c.log.Warn("route is out of order", "route", rt.Config.Name, "problem", rt.FirstProblem())
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

// remark logs what is to be said of a table beside the state of its routes, unless it was said of the table before: warnings, and
// what is wrong with upstreams.
func (c *Catalog) remark(t *table) {
	remarks := slices.Clone(t.problems)
	for _, rt := range t.routes {
		remarks = append(remarks, without(rt.Warnings, c.cfg.Warnings)...)
	}
	remarks.Sort()
	said := make(map[string]bool, len(remarks))
	for _, p := range remarks {
		text := p.Error()
		if !said[text] && !c.remarked[text] {
			c.log.Warn(text, "hint", p.Hint)
		}
		said[text] = true
	}
	c.remarked = said
}
