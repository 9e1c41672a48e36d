package catalog

import (
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// addBroken adds routes for the services that a server lists but cannot describe. The routes are out of order. Without them,
// requests would be answered with 404, after which an EventSource gives up for good.
func (b *tableBuilder) addBroken(cfg *config.Config, u *backend) {
	snap := b.views[u].snap
	if snap == nil {
		return
	}
	for _, service := range snap.Broken() {
		problem := u.cfg.Problem("target", service.Error(), "")
		switch {
		case cfg.ServeAll:
			b.addOutOfOrder(cfg, u, service, "/"+service.Service+"/**", problem)
		case listsService(cfg.Routes, service.Service): // the routes have the problem already
		case u.cfg.Annotations && service.Streaming != nil:
			b.addAnnotatedBroken(cfg, u, service, problem)
		case u.cfg.Annotations:
			// The annotations are unknown, so any path may belong to the service.
			b.table.problems = append(b.table.problems, problem)
			b.table.pending = route.New(cfg.Defaults, &cfg.Auth, "", "", &route.Health{})
			b.table.pending.PublicCause = service.PublicMessage()
		default:
			problem.Warning = true
			b.table.problems = append(b.table.problems, problem)
		}
	}
}

// addAnnotatedBroken adds routes for the paths in the annotations of a broken service.
func (b *tableBuilder) addAnnotatedBroken(
	cfg *config.Config, u *backend, service *schema.BrokenService, problem *config.Problem,
) {
	for _, m := range service.Streaming {
		for _, binding := range m.Bindings {
			b.addOutOfOrder(cfg, u, service, binding.Path, problem)
		}
	}
	b.table.problems = append(b.table.problems, problem)
}

// addOutOfOrder adds one route of a broken service. If another route has the same path already, nothing is added.
func (b *tableBuilder) addOutOfOrder(
	cfg *config.Config, u *backend, service *schema.BrokenService, path string, problem *config.Problem,
) {
	r := *cfg.Defaults
	r.Name, r.Path, r.Upstream, r.Service, r.Method = path, path, u.cfg.Name, service.Service, "*"
	rt := route.New(&r, &b.cfg.Auth, "schema of "+u.cfg.Name, u.cfg.Name, b.healthOf(r.Name))
	b.identify(rt, u)
	rt.Problems, rt.PublicCause = config.Problems{problem}, service.PublicMessage()
	_ = b.addOf(u, rt)
}

func listsService(routes []*config.Route, service string) bool {
	for _, r := range routes {
		if r.Service == service {
			return true
		}
	}
	return false
}
