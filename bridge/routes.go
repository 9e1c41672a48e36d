package bridge

import (
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// RouteInfo is what is known of one route.
type RouteInfo struct {
	Name     string
	Methods  []string // HTTP methods
	Path     string   // path template
	RPC      string   // package.Service/Method; "" where the route has a source of its own
	Upstream string   // "" while it is not known which one has the service; "in-process" for one of WithService
	Source   string   // where the route comes from: file and line, the schema that shows it, or the call that brought it
	// Problem is nil while the route is in order.
	Problem *config.Problem
}

// Routes returns the routes as they are now, those that are out of order too.
func (b *Bridge) Routes() []RouteInfo {
	var out []RouteInfo
	for _, rt := range b.table.Load().routes {
		info := RouteInfo{
			Name:     rt.Config.Name,
			Methods:  rt.Config.Methods,
			Path:     rt.Config.Path,
			RPC:      rt.RPC(),
			Upstream: rt.UpstreamName(),
			Source:   rt.Origin,
			Problem:  rt.FirstProblem(),
		}
		out = append(out, info)
	}
	return out
}

// schemaChanged rebuilds the routes after an upstream's schema, or what is known of it, has changed.
func (b *Bridge) schemaChanged(u *backend) {
	if _, err := u.schema(); err != nil {
		b.log.Warn("schema cannot be read; trying again", "upstream", u.cfg.Name, "target", u.cfg.Target, "error", explained(u, err))
	}
	if err := b.renew(); err != nil {
		b.log.Error("routes keep their old schema", "error", err)
	}
}

// renew swaps in a table for the schemas as they are now, and says what changed.
func (b *Bridge) renew() error {
	b.rebuild.Lock()
	defer b.rebuild.Unlock()
	old := b.table.Load()
	t, err := newTable(b.cfg, b.backends, b.program, old)
	if err != nil {
		return config.Problems{err}
	}
	b.table.Store(t)
	b.announce(old, t)
	b.remark(t)
	return nil
}

// announce logs each route whose state differs from that in the table before.
func (b *Bridge) announce(old, now *table) {
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
			b.log.Warn("route is out of order", "route", rt.Config.Name, "problem", rt.FirstProblem())
		default:
			b.log.Info("route is served", "route", rt.Config.Name, "rpc", rt.RPC(), "upstream", rt.UpstreamName())
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
func (b *Bridge) remark(t *table) {
	remarks := slices.Clone(t.problems)
	for _, rt := range t.routes {
		remarks = append(remarks, without(rt.Warnings, b.cfg.Warnings)...)
	}
	remarks.Sort()
	said := make(map[string]bool, len(remarks))
	for _, p := range remarks {
		text := p.Error()
		if !said[text] && !b.remarked[text] {
			b.log.Warn(text, "hint", p.Hint)
		}
		said[text] = true
	}
	b.remarked = said
}
