package catalog

import (
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// broken adds the routes that a service would have which its server lists and cannot describe. They are out of order: what
// is known to be there must not answer 404, which ends an EventSource for good.
func (b *tableBuilder) broken(cfg *config.Config, u *backend) {
	snap := b.views[u].snap
	if snap == nil {
		return
	}
	for _, service := range snap.Broken() {
		problem := u.cfg.Problem("target", service.Error(), "")
		switch {
		case cfg.ServeAll:
			b.outOfOrder(cfg, u, service, "/"+service.Service+"/**", problem)
		case listsService(cfg.Routes, service.Service): // those routes say so
		case u.cfg.Annotations && service.Streaming != nil:
			b.annotatedBroken(cfg, u, service, problem)
		case u.cfg.Annotations:
			// Any path may be the service's.
			b.table.problems = append(b.table.problems, problem)
			b.table.pending = route.New(cfg.Defaults, "", "", &route.Health{})
			b.table.pending.Cause = service.Public()
		default:
			problem.Warning = true
			b.table.problems = append(b.table.problems, problem)
		}
	}
}

// annotatedBroken adds the paths that the methods of a broken service ask for.
func (b *tableBuilder) annotatedBroken(cfg *config.Config, u *backend, service *schema.BrokenService, problem *config.Problem) {
	for _, m := range service.Streaming {
		for _, binding := range m.Bindings {
			b.outOfOrder(cfg, u, service, binding.Path, problem)
		}
	}
	b.table.problems = append(b.table.problems, problem)
}

// outOfOrder adds one route that stands in no file and cannot be served. Where another one has its path already, that one stays.
func (b *tableBuilder) outOfOrder(cfg *config.Config, u *backend, service *schema.BrokenService, path string, problem *config.Problem) {
	r := *cfg.Defaults
	r.Name, r.Path, r.Upstream, r.Service, r.Method = path, path, u.cfg.Name, service.Service, "*"
	rt := route.New(&r, "schema of "+u.cfg.Name, u.cfg.Name, b.healthOf(r.Name))
	rt.Problems, rt.Cause = config.Problems{problem}, service.Public()
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
