package config

import (
	"fmt"
	"slices"
	"strings"
)

// Inspect reads a configuration file as [Load] does, and goes on where there are problems. It returns all problems of the file,
// sorted, and the part of the configuration that can be checked further: the upstreams whose settings suffice to call them, and
// the routes that have a path, a method and such an upstream. A setting with a mistake has its default there, so the
// configuration is for checking and not for serving. The configuration is nil where the file is not YAML. The error is that of
// the operating system, where the file can't be read.
func Inspect(path string, opts ...Option) (*Config, Problems, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	l := newLoader(opts)
	cfg, s := l.parse(path, data)
	if s == nil {
		return nil, l.problems, nil
	}
	s.reduce(cfg)
	return cfg, l.problems, nil
}

// reduce removes from cfg the upstreams and routes that can't be checked further.
func (s *sections) reduce(cfg *Config) {
	reachable := make(map[string]bool, len(cfg.Upstreams))
	cfg.Upstreams = slices.DeleteFunc(cfg.Upstreams, func(u *Upstream) bool {
		reachable[u.Name] = s.isReachable(u)
		return !reachable[u.Name]
	})
	// Which upstream serves a route that names none is known only where all upstreams are.
	complete := !s.unread && len(s.empty) == 0 && len(cfg.Upstreams) == len(s.allUpstreams)
	cfg.Routes = nil
	for _, r := range s.allRoutes {
		known := r.Upstream == "" && complete && r.node.child("upstream") == nil || reachable[r.Upstream]
		if r.template != nil && r.Service != "" && known && !s.conflicting[r] {
			cfg.Routes = append(cfg.Routes, r.Route)
		}
	}
	if s.reports > 0 {
		cfg.ServeAll = false
	}
}

// isReachable reports whether the settings that are needed to call an upstream have no mistakes.
func (s *sections) isReachable(u *Upstream) bool {
	if u.Target == "" {
		return false
	}
	return !slices.ContainsFunc(s.problems, func(p *Problem) bool {
		key, inside := strings.CutPrefix(p.Path, u.source.path+".")
		section, _, _ := strings.Cut(key, ".")
		return inside && !p.Warning && slices.Contains([]string{"tls", "schema", "authority", "metadata", "connections", "max_connections"}, section)
	})
}
