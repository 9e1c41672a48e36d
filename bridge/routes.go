package bridge

import (
	"github.com/grpcsse/grpcsse/bridge/config"
)

// RouteInfo describes one route.
type RouteInfo struct {
	Name    string
	Methods []string // the HTTP methods
	Path    string   // the path template
	// RPC is the method behind the route, in the form package.Service/Method. It is "" where the route has a source of its own.
	RPC string
	// Upstream is the name of the upstream. It is "" while it is not known which upstream has the service, and "in-process" for
	// a service of [WithService].
	Upstream string
	// Source says where the route is defined: a file and line, a schema, an annotation of a method, or "bridge.WithRoute".
	Source string
	// Problem is the first reason why the route is out of order. It is nil while the route is in order.
	Problem *config.Problem
}

// Routes returns the current routes, including those that are out of order.
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
