package bridge

import (
	"github.com/grpcsse/grpcsse/bridge/config"
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
	for _, rt := range b.catalog.Routes() {
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
